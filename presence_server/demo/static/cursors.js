/** The others' pointers on the sheet. */

import { build, setText } from "./dom.js";
import { colourOf, shownName } from "./text.js";

/** @typedef {import("./reducer.js").Member} Member */

const MOST_SHOWN = 50;

/** @param {HTMLElement} layer */
export function cursorLayer(layer) {
  /** @type {Map<string, HTMLElement>} */
  const drawn = new Map();

  /** @param {Member[]} members  those on this page, without me */
  return function draw(members) {
    const pointing = members.filter((member) => positionOf(member)).slice(0, MOST_SHOWN);
    const ids = new Set(pointing.map((member) => member.userId));
    for (const [id, cursor] of drawn) {
      if (ids.has(id)) continue;
      cursor.remove();
      drawn.delete(id);
    }
    for (const member of pointing) {
      const known = drawn.get(member.userId);
      const cursor = known ?? create(member.userId);
      update(cursor, member);
      if (known) continue;
      drawn.set(member.userId, cursor);
      layer.append(cursor);
    }
  };
}

/** @param {string} userId */
function create(userId) {
  const cursor = build(
    "div",
    { class: "cursor", "data-testid": "cursor", "data-user-id": userId },
    build("span", { class: "arrow" }),
    build("bdi", { class: "label" }),
  );
  cursor.style.setProperty("--who", colourOf(userId));
  return cursor;
}

/**
 * @param {HTMLElement} cursor
 * @param {Member} member
 */
function update(cursor, member) {
  const { x, y } = /** @type {{x: number, y: number}} */ (positionOf(member));
  cursor.style.left = `${x * 100}%`;
  cursor.style.top = `${y * 100}%`;
  cursor.classList.toggle("to-left", x > 0.7);
  cursor.classList.toggle("upwards", y > 0.9);
  cursor.classList.toggle("away", member.status === "away");
  setText(/** @type {Element} */ (cursor.lastElementChild), shownName(member.userName));
}

/**
 * A cursor is whatever its sender says it is: only numbers within the sheet are drawn.
 *
 * @param {Member} member
 */
function positionOf({ cursor }) {
  if (!cursor || !inside(cursor.x) || !inside(cursor.y)) return null;
  return { x: cursor.x, y: cursor.y };
}

/** @param {unknown} value */
function inside(value) {
  return typeof value === "number" && value >= 0 && value <= 1;
}
