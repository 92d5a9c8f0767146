/** The leaderboard. */

import { ask } from "./api.js";
import { el, set, svg } from "./dom.js";
import { nothing, Panel } from "./panel.js";
import { choices, table } from "./parts.js";
import { format, ORDERS, WINDOWS } from "./route.js";
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
  panel.unknown = "No views yet: history knows nothing of this room.";
  return {
    panel,
    update(route) {
      for (const control of [orders, windows, kinds]) control.update(route);
      windows.element.hidden = route.by === "trend"; // it has a window of its own
      const question = asked(route);
      const draw = (answer) => board(answer, route, kinds);
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

function board(answer, route, kinds) {
  const { rows, by, isExact } = answer;
  if (!rows.length)
    return nothing(
      route.kind || route.of ? "No views of this kind, or in this time." : "No views yet.",
    );
  kinds.propose(rows.map(({ type }) => type));
  const { element } = table("Most viewed", columns(rows, by, isExact, route), rows, "top-row");
  set(element, "class", "board");
  const note = isExact ? null : el("p", { class: "small" }, INEXACT);
  return [element, note, more(rows, route)].filter((part) => part);
}

function columns(rows, by, isExact, route) {
  const most = Math.max(...rows.map((row) => row[by]));
  const strong = (name) => (name === by ? "number ordered" : "number");
  return [
    ["Resource", (row) => resource(row, row[by] / most, route), "wide"],
    ["Views", (row) => number(row.views), strong("views")],
    ["Unique", (row) => uniquesText(row.uniques, isExact), strong("uniques")],
    ["Trend", (row) => decimal(row.trend), strong("trend")],
    ["Last viewed", (row) => time(row.lastAt), "number"],
  ];
}

function resource({ type, id }, share, route) {
  const href = format(route, { view: "resource", type, id });
  const bar = svg("rect", { width: `${(share * 100).toFixed(2)}%`, height: "100%", rx: 2 });
  return [
    el(
      "a",
      { href, class: "resource" },
      el("span", { class: "kind" }, shownId(type)),
      " ",
      idText(id),
    ),
    svg("svg", { class: "share", "aria-hidden": "true" }, bar),
  ];
}

function more(rows, route) {
  if (route.most !== "10" || rows.length < 10) return null;
  const href = format(route, { most: "100" });
  return el("p", { class: "growing" }, el("a", { href, class: "button" }, "Show up to 100"));
}
