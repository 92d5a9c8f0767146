/** The leaderboard. */

import { ask } from "./api.js";
import { el, set, svg } from "./dom.js";
import { nothing, Panel } from "./panel.js";
import { choices, table } from "./parts.js";
import { format, ORDERS, parse, WINDOWS } from "./route.js";
import { decimal, INEXACT, idText, number, shownId, time, uniquesText } from "./text.js";

const NAMES = { views: "Views", uniques: "Unique", trend: "Trend" };
const TITLES = { trend: "Views, each half as much after every half-life: what is looked at now" };

export function topPanel() {
  const orders = choices(
    "Order",
    "by",
    ORDERS.map((by) => [by, NAMES[by], TITLES[by]]),
  );
  const spans = WINDOWS.map((days) => [days, `${days} days`]);
  const windows = choices("Window", "of", [["", "All time"], ...spans]);
  const kinds = kindFilter();
  const controls = el("div", { class: "controls" }, orders.element, windows.element, kinds.element);
  const panel = new Panel("Most viewed", "top", controls);
  const links = new Map();
  panel.unknown = "No views yet: history knows nothing of this room.";
  return {
    panel,
    update(route) {
      for (const control of [orders, windows, kinds]) control.update(route);
      windows.element.hidden = route.by === "trend"; // it has a window of its own
      // What is not asked again is on the page still, and leads on from this route, too.
      for (const [link, changes] of links) set(link, "href", format(route, changes));
      const question = asked(route);
      const draw = (answer) => {
        links.clear();
        return board(answer, parse(location.hash), kinds, links);
      };
      panel.show(question, (signal) => ask("top", question, signal), draw);
    },
  };
}

function asked({ room, by, of, kind, most }) {
  return { room, by, type: kind, days: by === "trend" ? "" : of, limit: most };
}

/** A field for the type, which proposes those that were seen. */
function kindFilter() {
  let current = null;
  const known = new Set();
  const list = el("datalist", { id: "kinds" });
  const change = () => {
    location.hash = format(current, { kind: input.value.trim() });
  };
  const hint = { placeholder: "All types", "aria-label": "Only this type", list: "kinds" };
  const input = el("input", {
    type: "search",
    maxlength: "128",
    autocomplete: "off",
    change,
    search: change, // the cross in it was pressed
    ...hint,
  });
  return {
    element: el("div", { class: "kind-filter" }, input, list),
    update(route) {
      current = route;
      input.value = route.kind;
    },
    propose(kinds) {
      for (const kind of kinds) known.add(kind);
      list.replaceChildren(...[...known].sort().map((kind) => el("option", { value: kind })));
    },
  };
}

function board(answer, route, kinds, links) {
  const { rows, by, isExact } = answer;
  if (!rows.length)
    return nothing(
      route.kind || route.of ? "No views of this kind, or in this time." : "No views yet.",
    );
  kinds.propose(rows.map(({ type }) => type));
  const to = (changes) => {
    const link = el("a", { href: format(route, changes) });
    links.set(link, changes);
    return link;
  };
  const { element } = table("Most viewed", columns(rows, by, isExact, to), rows, "top-row");
  set(element, "class", "board");
  const note = isExact ? null : el("p", { class: "small" }, INEXACT);
  return [element, note, more(rows, route, to)].filter((part) => part);
}

function columns(rows, by, isExact, to) {
  const most = Math.max(...rows.map((row) => row[by]));
  const strong = (name) => (name === by ? "number ordered" : "number");
  return [
    ["Resource", (row) => resource(row, row[by] / most, to), "wide"],
    ["Views", (row) => number(row.views), strong("views")],
    ["Unique", (row) => uniquesText(row.uniques, isExact), strong("uniques")],
    ["Trend", (row) => decimal(row.trend), strong("trend")],
    ["Last viewed", (row) => time(row.lastAt), "number"],
  ];
}

function resource({ type, id }, share, to) {
  const bar = svg("rect", { width: `${(share * 100).toFixed(2)}%`, height: "100%", rx: 2 });
  const link = to({ view: "resource", type, id });
  set(link, "class", "resource");
  link.append(el("span", { class: "kind" }, shownId(type)), " ", idText(id));
  return [link, svg("svg", { class: "share", "aria-hidden": "true" }, bar)];
}

function more(rows, route, to) {
  if (route.most !== "10" || rows.length < 10) return null;
  const link = to({ most: "100" });
  set(link, "class", "button");
  link.append("Show up to 100");
  return el("p", { class: "growing" }, link);
}
