/** Notices that a connection is dead: a browser may take minutes to tell, and shows no pings. */

import { isVisible } from "./activity.ts";

const EVERY_MS = 8_000;
const DEADLINE_MS = 5_000;
const SLEPT_MS = 1_000;

/**
 * Asks every 8 s and gives 5 s for any message to come; `die` is called where none does.
 *
 * It rests while the page is hidden, whose timers may run once a minute, and takes a timer that
 * comes late for a machine that slept: the answer may be waiting, so it asks again.
 */
export class Heart {
  #ask: () => void;
  #die: () => void;
  #isAnswered = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: () => void, die: () => void) {
    this.#ask = ask;
    this.#die = die;
  }

  /** Must be called for every message. */
  heard() {
    this.#isAnswered = true;
  }

  /** Ask now, and from here on. */
  beat = () => {
    this.stop();
    if (!isVisible()) return;
    this.#isAnswered = false;
    this.#ask();
    const askedAt = performance.now();
    this.#timer = setTimeout(() => {
      if (this.#isAnswered) this.#timer = setTimeout(this.beat, EVERY_MS - DEADLINE_MS);
      else if (performance.now() > askedAt + DEADLINE_MS + SLEPT_MS) this.beat();
      else if (isVisible()) this.#die();
    }, DEADLINE_MS);
  };

  stop() {
    clearTimeout(this.#timer);
  }
}
