/** Gathers a burst, so that a busy room costs a page one change a frame. */

const FRAME_MS = 16;
const MOST_WAITING = 500;

/**
 * Hands the first message after a quiet moment to `take` at once, and what follows within a frame
 * together. An urgent one waits for nothing, and takes what waits along.
 */
export function createInbox<T>(take: (messages: T[]) => void) {
  let waiting: T[] = [];
  let frame: ReturnType<typeof setTimeout> | undefined;

  const flush = () => {
    const messages = waiting;
    waiting = [];
    clearTimeout(frame);
    frame = setTimeout(() => {
      frame = undefined;
      if (waiting.length) flush();
    }, FRAME_MS);
    take(messages);
  };

  return {
    add(message: T, isUrgent: boolean) {
      waiting.push(message);
      // A hidden page's timers hardly run: what waits is bounded.
      if (!frame || isUrgent || waiting.length > MOST_WAITING) flush();
    },
    /** What has come is taken; nothing is left to do. */
    stop() {
      if (waiting.length) flush();
      clearTimeout(frame);
      frame = undefined;
    },
  };
}
