/** What several views are made of: choices, tables, lists that grow, numbers with a name. */

import { el, set } from "./dom.js";
import { notice } from "./panel.js";
import { format } from "./route.js";

/**
 * A few links of which one is chosen. `options` are `[value, words, title?]` of the route's `name`;
 * call `update(route)` whenever the route changes.
 */
export function choices(label, name, options) {
  const links = options.map(([value, words, title]) => [value, el("a", { title }, words)]);
  const element = el(
    "nav",
    { class: "choices", "aria-label": label },
    links.map(([, link]) => link),
  );
  const update = (route) => {
    for (const [value, link] of links) {
      set(link, "href", format(route, { [name]: value }));
      set(link, "aria-current", route[name] === value ? "true" : null);
    }
  };
  return { element, update };
}

/**
 * A table. `columns` are `[heading, cell, class?]` where `cell(row)` makes the content; on a phone
 * each row is a card, in which the headings stand before the values.
 */
export function table(label, columns, rows, name) {
  const body = el("tbody", { role: "rowgroup" });
  const add = (more) => body.append(...more.map((row) => line(columns, row, name)));
  add(rows);
  const heads = columns.map(([heading, , kind]) =>
    el("th", { role: "columnheader", scope: "col", class: kind }, heading),
  );
  const element = el(
    "table",
    { role: "table", "aria-label": label },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    body,
  );
  return { element, add };
}

function line(columns, row, name) {
  const cells = columns.map(([heading, cell, kind]) =>
    el("td", { role: "cell", class: kind, "data-label": heading }, cell(row)),
  );
  return el("tr", { role: "row", "data-testid": name }, cells);
}

/** A button that gets the next page, as long as there is one: `more(cursor)` adds and returns it. */
export function growing(answer, more) {
  let { next } = answer;
  const button = el("button", { type: "button", class: "more", click: press }, "Show more");
  const element = el("div", { class: "growing" }, next ? button : null);

  async function press() {
    set(button, "disabled", true);
    try {
      next = (await more(next)).next;
      element.replaceChildren(...(next ? [button] : []));
    } catch (failure) {
      if (failure.status === undefined) throw failure;
      element.replaceChildren(notice(failure), button);
    }
    set(button, "disabled", null);
  }

  return element;
}

/** Numbers with their names: `[name, content, note?]`. */
export function tiles(entries) {
  const tile = ([name, content, title]) =>
    el("div", { class: "tile", title }, el("dt", {}, name), el("dd", {}, content));
  return el("dl", { class: "tiles" }, entries.map(tile));
}
