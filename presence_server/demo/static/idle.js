/** Notices when the person at this window has gone, and when they are back. */

const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "touchstart", "wheel", "scroll"];
const HIDDEN_MS = 30_000;

/**
 * Away after `idleMs` without input, or half a minute out of sight.
 *
 * @param {number} idleMs
 * @param {(away: boolean) => void} onChange
 */
export function watchIdle(idleMs, onChange) {
  const state = { away: false, lastInput: performance.now(), hiddenAt: 0 };
  let timer = 0;
  let lastPoint = "";

  function set(away) {
    if (away === state.away) return;
    state.away = away;
    onChange(away);
  }

  /** One timer, which re-aims itself: input must not cost a timer each. */
  function check() {
    const now = performance.now();
    const idleLeft = state.lastInput + idleMs - now;
    const hiddenLeft = document.hidden ? state.hiddenAt + HIDDEN_MS - now : Infinity;
    const left = Math.min(idleLeft, hiddenLeft);
    clearTimeout(timer);
    if (left <= 0) set(true);
    else timer = setTimeout(check, Math.min(left + 5, 2 ** 31 - 1));
  }

  function alive() {
    state.lastInput = performance.now();
    if (!state.away) return;
    set(false);
    check();
  }

  /** @param {Event} event */
  function onInput(event) {
    if (event instanceof PointerEvent && event.type === "pointermove") {
      // Browsers repeat the last move when the page changes under a resting pointer.
      const point = `${event.screenX},${event.screenY}`;
      if (point === lastPoint) return;
      lastPoint = point;
    }
    alive();
  }

  for (const type of SIGNS_OF_LIFE) {
    window.addEventListener(type, onInput, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) state.hiddenAt = performance.now();
    else alive();
    check();
  });
  check();

  return {
    get away() {
      return state.away;
    },
    /** Milliseconds since the last input, for `idleMs` on the wire. */
    idleFor: () => Math.max(0, Math.round(performance.now() - state.lastInput)),
  };
}
