/**
 * Makes elements. What goes in as text stays text: there is no way to give markup, and no other
 * file of this page may parse any.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes and children that are null or false are left out. */
export const el = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

/** An SVG element. */
export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat(2).filter(isThere));
  return element;
}

const isThere = (child) => child !== null && child !== undefined && child !== false;

/** Sets an attribute, or adds a listener; null and false take the attribute away. */
export function set(element, name, value) {
  if (typeof value === "function") element.addEventListener(name, value);
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/**
 * Calls `draw(width)` now and whenever the element's width changes.
 * Ends by itself when the element is collected.
 */
export function onWidth(element, draw) {
  let drawn = 0;
  const observer = new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (!width || width === drawn) return;
    drawn = width;
    draw(width);
  });
  observer.observe(element);
}

/** Tells those above: a panel its page, mostly. */
export const tell = (element, type, detail) =>
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
