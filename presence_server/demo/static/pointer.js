/** My pointer, as the others get to see it: relative to the sheet, at most 20 times a second. */

const SPACING_MS = 50;

/**
 * Latest wins. What the room has is remembered (`told`), so nothing is said twice, and nothing at
 * all while nobody is there to see it; whoever arrives later is told where the pointer rests.
 *
 * @param {HTMLElement} sheet
 * @param {object} room
 * @param {() => boolean} room.watched  is anybody on my page to see it?
 * @param {(cursor: {x: number, y: number} | null) => boolean} room.send  false if it could not go
 */
export function sharePointer(sheet, room) {
  /** @type {{clientX: number, clientY: number} | null} */
  let point = null;
  /** @type {string | undefined} what the room has; undefined: not known */
  let told;
  let lastSent = 0;
  let planned = false;

  function plan() {
    if (planned) return;
    planned = true;
    const wait = lastSent + SPACING_MS - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(flush), wait);
    else requestAnimationFrame(flush);
  }

  function flush() {
    planned = false;
    if (!room.watched()) return;
    const cursor = point && relative(point);
    const text = JSON.stringify(cursor);
    if (text === told || !room.send(cursor)) return;
    told = text;
    lastSent = performance.now();
  }

  function relative({ clientX, clientY }) {
    const box = sheet.getBoundingClientRect();
    return {
      x: fraction(clientX - box.left, box.width),
      y: fraction(clientY - box.top, box.height),
    };
  }

  function gone() {
    point = null;
    plan();
  }

  sheet.addEventListener("pointermove", (event) => {
    point = { clientX: event.clientX, clientY: event.clientY };
    plan();
  });
  sheet.addEventListener("pointerleave", gone);
  sheet.addEventListener("pointercancel", gone);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return;
    point = null;
    flush(); // a hidden page gets no animation frame
  });

  return {
    /** The audience may have changed. */
    refresh: plan,
    /** A new location or connection: what the room has is not known any more. */
    forget() {
      told = undefined;
      plan();
    },
  };
}

/**
 * @param {number} part
 * @param {number} whole
 */
function fraction(part, whole) {
  return Math.round(Math.min(1, Math.max(0, part / whole)) * 10_000) / 10_000;
}
