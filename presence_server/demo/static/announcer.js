/** Says who came and who went, in one polite line; a crowd becomes a number. */

import { setText } from "./dom.js";
import { isolated } from "./text.js";

const GATHER_MS = 400;
const SHOWN_MS = 12_000;
const MOST_NAMED = 3;

/** @param {HTMLElement} line */
export function announcer(line) {
  /** @type {string[]} */
  let waiting = [];
  let fading = 0;

  function speak() {
    const crowd = waiting.length > MOST_NAMED;
    setText(line, crowd ? `${waiting.length} people came or went` : waiting.join(", "));
    waiting = [];
    clearTimeout(fading);
    fading = setTimeout(() => setText(line, ""), SHOWN_MS);
  }

  /** @param {string} sentence */
  function say(sentence) {
    if (waiting.push(sentence) === 1) setTimeout(speak, GATHER_MS);
  }

  return {
    say,
    /**
     * What is worth telling of one message, given the members before and after it.
     *
     * @param {any} message
     * @param {ReadonlyMap<string, {userName: string}>} before
     * @param {ReadonlyMap<string, {userName: string}>} after
     */
    tell(message, before, after) {
      const was = before.get(message.userId);
      const is = after.get(message.userId);
      if (message.type === "user_joined" && is && !was) say(`${isolated(is.userName)} joined`);
      if (message.type === "user_left" && was && !is) say(`${isolated(was.userName)} left`);
    },
  };
}
