/**
 * What this page says of itself: the last word on each subject, and which of them is owed.
 *
 * Pure. All of it is owed again at each welcome: the server may have forgotten us or, on a takeover,
 * remember what we have since taken back.
 */

import { samePlace } from "./follow.ts";
import type { Location } from "./types.ts";

const LOCATION = "presence_update";
const STATUS = "status_update";
const CURSOR = "cursor_update";
type Subject = typeof LOCATION | typeof STATUS | typeof CURSOR;

export class Said<Data, Cursor> {
  location: Location<Data> | undefined;
  #following: string | undefined;
  #status = "online";
  /** Undefined until there was one. */
  #cursor: Cursor | null | undefined;
  #owed = new Set<Subject>();

  locate(location: Location<Data>) {
    if (!samePlace(location, this.location)) {
      if (this.#cursor) this.#cursor = null;
      this.#owed.delete(CURSOR); // the server removes it by itself
    }
    this.location = location;
    this.#owed.add(LOCATION);
  }

  follow(userId: string | undefined) {
    if (userId === this.#following) return;
    this.#following = userId;
    this.#owed.add(LOCATION);
  }

  be(status: "online" | "away") {
    if (status !== this.#status) this.#owed.add(STATUS);
    this.#status = status;
  }

  /** Speaks up, so that of the user's tabs this one stands for the user. */
  speak() {
    this.#owed.add(STATUS);
  }

  /** To be sent with `takeCursor`, a frame at a time. */
  point(cursor: Cursor | null) {
    this.#cursor = cursor;
    this.#owed.add(CURSOR);
  }

  get owesCursor() {
    return this.#owed.has(CURSOR);
  }

  oweAll() {
    if (this.location || this.#following) this.#owed.add(LOCATION);
    this.#owed.add(STATUS);
    if (this.#cursor !== undefined) this.#owed.add(CURSOR);
  }

  /** The messages owed, cursors aside; no longer owed from here on. */
  take(idleMs: number): object[] {
    const owed = [];
    if (this.#owed.delete(LOCATION)) {
      const where = this.location ?? { currentPath: "" };
      owed.push({ type: LOCATION, ...where, following: this.#following, idleMs });
    }
    if (this.#owed.delete(STATUS)) owed.push({ type: STATUS, status: this.#status, idleMs });
    return owed;
  }

  takeCursor(): object {
    this.#owed.delete(CURSOR);
    return { type: CURSOR, cursor: this.#cursor };
  }
}
