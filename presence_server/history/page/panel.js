/**
 * A box that asks one question and shows its answer, or why there is none.
 *
 * It tells those above `answered` after each answer, and `refused` with the failure where nothing
 * on the page can be answered.
 */

import { el, set, tell } from "./dom.js";
import { explain, isAtTheDoor, mayPass } from "./words.js";

export class Panel {
  /** When what it shows was so: `{asOf, lagMs}`, or null. */
  fresh = null;
  /** What it says where history knows of no such thing. */
  unknown = "No views yet.";
  #asked = "";
  #pending = new AbortController();
  #load = null;
  #draw = null;

  constructor(heading, name, ...controls) {
    this.body = el("div", { class: "panel-body" });
    const head = heading && el("h2", {}, heading);
    this.element = el(
      "section",
      { class: "panel", "data-testid": name, "aria-label": heading || name },
      el("div", { class: "panel-head" }, head, ...controls),
      this.body,
    );
  }

  /**
   * Asks by `load(signal)` and shows what `draw(answer)` makes of it; not again for the same
   * question. What is there stays, dimmed, until the answer comes.
   */
  show(question, load, draw) {
    const asked = JSON.stringify(question);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#load = load;
    this.#draw = draw;
    this.again();
  }

  /** Asks the same question again. */
  async again() {
    if (!this.#load) return;
    this.stop();
    this.#pending = new AbortController();
    const { signal } = this.#pending;
    this.#wait();
    try {
      this.#answer(await this.#load(signal));
    } catch (failure) {
      if (!signal.aborted) this.#fail(failure);
    }
  }

  /** Waits for no answer any more. */
  stop() {
    this.#pending.abort();
  }

  #wait() {
    set(this.element, "aria-busy", "true");
    if (!this.fresh) this.body.replaceChildren(el("p", { class: "loading" }, "Loading…"));
  }

  #answer(answer) {
    const drawn = this.#draw(answer);
    this.fresh = { asOf: answer.asOf, lagMs: answer.lagMs };
    this.#put(drawn);
    tell(this.element, "answered");
  }

  #fail(failure) {
    this.fresh = null;
    if (failure.status === undefined) {
      this.#put(notice({}));
      throw failure; // a bug of ours: for the console
    }
    if (failure.code === "not_found") this.#put(nothing(this.unknown));
    else this.#put(notice(failure, this.#retry(failure)));
    tell(this.element, isAtTheDoor(failure) ? "refused" : "answered", failure);
  }

  #retry(failure) {
    const press = () => this.again();
    return mayPass(failure) && el("button", { type: "button", click: press }, "Try again");
  }

  #put(...content) {
    set(this.element, "aria-busy", null);
    this.body.replaceChildren(...content.flat());
  }
}

/** A failure as people read it. */
export function notice(failure, ...more) {
  const { title, text } = explain(failure);
  return el(
    "div",
    { class: "notice", role: "alert", "data-testid": "failure" },
    el("p", {}, el("strong", {}, title)),
    el("p", {}, text),
    ...more,
  );
}

/** That there is nothing to show. */
export const nothing = (...words) =>
  el("p", { class: "nothing", "data-testid": "nothing" }, ...words);
