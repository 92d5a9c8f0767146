/** Notices when the person at this page has gone and come back, and when a network has. */

const INPUT = ["pointermove", "pointerdown", "keydown", "touchmove", "wheel", "scroll"];
const HIDDEN_MS = 30_000;
const LONGEST_TIMER_MS = 1e9;

export interface Activity {
  /** Somebody is at the page: called for each sign of it. */
  readonly input: (event: Event) => void;
  /** Called when it changes. */
  readonly away: (away: boolean) => void;
  /**
   * A good moment to see whether the connection is well: shown again, focused, back on the net.
   * `isLookedAt`: somebody turned to this page.
   */
  readonly wake: (isLookedAt: boolean) => void;
}

/** Whether the page can be seen; a place without pages always is. */
export const isVisible = () => !globalThis.document?.hidden;

/**
 * Away after `idleAfter` ms without input, or half a minute out of sight: hidden pages get no input
 * and their timers run late. Returns how to stop. Does nothing where there is no document.
 */
export function watch(idleAfter: number, on: Activity): () => void {
  if (!globalThis.document) return () => {};
  let lastInput = performance.now();
  let hiddenAt = isVisible() ? Number.POSITIVE_INFINITY : lastInput;
  let away: boolean | undefined;
  let lastPoint = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** One timer that re-aims itself: input must not cost a timer each. */
  const check = () => {
    const left = Math.min(lastInput + idleAfter, hiddenAt + HIDDEN_MS) - performance.now();
    clearTimeout(timer);
    if (left > 0) timer = setTimeout(check, Math.min(left, LONGEST_TIMER_MS));
    const isGone = left <= 0;
    if (away !== isGone) on.away(isGone);
    away = isGone;
  };
  const alive = () => {
    lastInput = performance.now();
    if (away) check();
  };
  const input = (event: Event) => {
    if (event.type === "pointermove") {
      // Browsers repeat the last move when the page changes under a resting pointer.
      const point = `${(event as PointerEvent).screenX},${(event as PointerEvent).screenY}`;
      if (point === lastPoint) return;
      lastPoint = point;
    }
    alive();
    on.input(event);
  };
  const look = () => {
    alive();
    on.wake(true);
  };
  const turn = () => {
    hiddenAt = isVisible() ? Number.POSITIVE_INFINITY : performance.now();
    if (isVisible()) look();
    else check();
  };

  const stop = new AbortController();
  const { signal } = stop;
  const listen = (types: string[], listener: (event: Event) => void) => {
    for (const type of types) window.addEventListener(type, listener, { signal, capture: true });
  };
  listen(INPUT, input);
  window.addEventListener("focus", look, { signal }); // the window's own, not its elements'
  listen(["online", "pageshow"], () => on.wake(false));
  listen(["visibilitychange"], turn);
  check();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}
