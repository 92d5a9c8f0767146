/** Notices that a connection is dead: a browser may take minutes to tell, and shows no pings. */

import { isVisible } from "./activity.ts";

const DEADLINE_MS = 5_000;
const PAUSE_MS = 3_000;
/** Of a deadline that ran out so late the machine was asleep. */
const SLEPT_MS = 6_000;

/**
 * Asks every 8 s and gives 5 s for any message to come; `die` is called where none does.
 *
 * It rests while the page is hidden, whose timers may run once a minute, and takes a timer that
 * comes late for a machine that slept: the answer may be waiting, so it asks again.
 */
export function createHeart(ask: () => void, die: () => void) {
  let isAnswered = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Ask now, and from here on. */
  const beat = () => {
    clearTimeout(timer);
    if (!isVisible()) return;
    isAnswered = false;
    ask();
    const askedAt = performance.now();
    timer = setTimeout(() => {
      if (isAnswered) timer = setTimeout(beat, PAUSE_MS);
      else if (performance.now() > askedAt + SLEPT_MS) beat();
      else if (isVisible()) die();
    }, DEADLINE_MS);
  };

  return {
    beat,
    /** Must be called for every message. */
    heard() {
      isAnswered = true;
    },
    stop: () => clearTimeout(timer),
  };
}
