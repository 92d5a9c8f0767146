/** What is known at the moment, and who is told when that changes. */

import { emptyRoom } from "./room.ts";
import type { Snapshot } from "./types.ts";

const NEWS = "news";

/** What is known before anything is: also what a server renders. */
// biome-ignore lint/suspicious/noExplicitAny: it has none of either
export const emptySnapshot: Snapshot<any, any> = {
  members: emptyRoom.members,
  cursors: emptyRoom.cursors,
  me: null,
  following: null,
  lost: null,
  status: "connecting",
  refusal: null,
};

export function createStore<Data, Cursor>() {
  type Known = Snapshot<Data, Cursor>;
  let snapshot: Known = emptySnapshot;
  const news = new EventTarget(); // one listener that throws disturbs no other

  return {
    getSnapshot: () => snapshot,

    subscribe(listener: () => void) {
      const own = () => listener(); // the same function may subscribe twice
      news.addEventListener(NEWS, own);
      return () => news.removeEventListener(NEWS, own);
    },

    /** Replaces some of it, and tells of that where it is something new. */
    set(change: Partial<Known>) {
      const next = { ...snapshot, ...change } as Known;
      const keys = Object.keys(change) as (keyof Known)[];
      if (keys.every((key) => next[key] === snapshot[key])) return;
      snapshot = next;
      news.dispatchEvent(new Event(NEWS));
    },
  };
}
