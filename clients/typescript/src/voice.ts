/**
 * What this page says of itself: the last word on each subject, and which of them is owed.
 *
 * All of it is owed again at each welcome: the server may have forgotten us or, on a takeover,
 * remember what we have since taken back.
 */

import { samePlace } from "./follow.ts";
import type { Link } from "./link.ts";
import type { Location } from "./types.ts";

/** A little more than a frame at 60 Hz; not a frame itself, for hidden pages have none. */
const FRAME_MS = 17;
const LOCATION = "presence_update";
const STATUS = "status_update";
const CURSOR = "cursor_update";

/** It speaks on `link`; `idleMs` is for how long nobody did anything here. */
export function createVoice<Data, Cursor>(
  link: () => Link | null,
  idleMs: () => number,
  isAlone: () => boolean,
) {
  let location: Location<Data> | undefined;
  let following: string | undefined;
  let status = "online";
  let cursor: Cursor | null | undefined; // undefined until there was one
  let isAdmitted = false;
  let willSpeak = false;
  let willPoint = false;
  const owed = new Set<string>();
  const send = (message: object) => link()?.send(message);

  /** Says what is owed, once for all that is said in one go. */
  const speak = (subject: string) => {
    owed.add(subject);
    if (willSpeak) return;
    willSpeak = true;
    queueMicrotask(() => {
      willSpeak = false;
      if (!isAdmitted) return;
      if (owed.delete(LOCATION)) {
        const where = location ?? { currentPath: "" };
        send({ type: LOCATION, ...where, following, idleMs: idleMs() });
      }
      if (owed.delete(STATUS)) send({ type: STATUS, status, idleMs: idleMs() });
      pointSoon();
    });
  };

  const mayPoint = () => isAdmitted && owed.has(CURSOR) && !isAlone();

  const pointSoon = () => {
    if (willPoint || !mayPoint()) return;
    willPoint = true;
    setTimeout(() => {
      willPoint = false;
      if (!mayPoint()) return;
      if (link()?.isCongested()) return pointSoon();
      owed.delete(CURSOR);
      send({ type: CURSOR, cursor });
    }, FRAME_MS);
  };

  return {
    location: () => location,
    locate(to: Location<Data>) {
      if (!samePlace(to, location)) {
        cursor &&= null;
        owed.delete(CURSOR); // the server removes it by itself
      }
      location = { ...to };
      speak(LOCATION);
    },
    follow(userId: string | undefined) {
      if (userId === following) return;
      following = userId;
      speak(LOCATION);
    },
    be(what: "online" | "away") {
      if (what === status) return;
      status = what;
      speak(STATUS);
    },
    /** Says again that somebody is here, so that of the user's tabs this one stands. */
    speakUp: () => speak(STATUS),
    /** Without an argument: whoever came may want to see the cursor. */
    point(to?: Cursor | null) {
      if (to !== undefined) {
        cursor = to;
        owed.add(CURSOR);
      }
      pointSoon();
    },
    /** To be called at each welcome. */
    begin() {
      isAdmitted = true;
      if (cursor !== undefined) owed.add(CURSOR);
      if (location || following) owed.add(LOCATION);
      speak(STATUS);
    },
    /** To be called when the connection is gone. */
    stop() {
      isAdmitted = false;
    },
  };
}
