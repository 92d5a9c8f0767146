/** Views per day, drawn: a bar for the views, and of it the part that is unique. */

import { el, onWidth, set, svg } from "./dom.js";
import { counts, everyDay, everyMonth } from "./scale.js";
import { duration, fullDay, monthOf, number, plural, short, shortDay } from "./text.js";

const HEIGHT = 220;
const TOP = 8;
const BOTTOM = 26;
const LEFT = 44;
/** Room for half a label at the end. */
const RIGHT = 20;
const LABEL = 58;
const MONTHS_FROM = 100;
const GROUND = HEIGHT - BOTTOM;

/**
 * The chart of some days, oldest first. Arrow keys, Home and End go through the days, as does the
 * pointer; what is chosen is read in the line above the chart.
 */
export function chart(days) {
  const top = counts(Math.max(...days.map((day) => day.views)));
  const drawing = svg("svg", { class: "bars", height: HEIGHT, "aria-hidden": "true" });
  const reading = el("p", { class: "reading", "data-testid": "reading" });
  const plot = el("div", { ...ROLE, "aria-valuemax": days.length - 1 }, drawing);
  let marker = null;
  let chosen = null;

  function choose(place) {
    chosen = place;
    reading.replaceChildren(...(place === null ? totals(days) : ofDay(days[place])));
    set(plot, "aria-valuenow", place ?? days.length - 1);
    set(plot, "aria-valuetext", valueText(days[place ?? days.length - 1]));
    if (marker) mark();
  }

  function mark() {
    const { x, width } = slot(chosen ?? 0, days.length, drawing.clientWidth);
    set(marker, "visibility", chosen === null ? "hidden" : "visible");
    set(marker, "x", x);
    set(marker, "width", width);
  }

  function draw(width) {
    marker = svg("rect", { class: "marker", y: TOP, height: GROUND - TOP });
    set(drawing, "width", width);
    drawing.replaceChildren(
      marker,
      ...grid(top, width),
      ...bars(days, top.at(-1), width),
      ...names(days, width),
    );
    mark();
  }

  steer(plot, days.length, () => chosen, choose);
  choose(null);
  onWidth(plot, draw);
  return el("figure", { class: "chart" }, reading, plot, asTable(days));
}

const ROLE = {
  ...{ class: "plot", role: "slider", tabindex: "0", "data-testid": "plot" },
  ...{ "aria-label": "Day", "aria-valuemin": "0", "aria-orientation": "horizontal" },
};

/** Has keys and pointer choose a day. */
function steer(plot, count, chosen, choose) {
  const last = count - 1;
  const clamped = (place) => Math.min(last, Math.max(0, place));
  const far = Math.max(7, Math.round(count / 12));
  const moves = {
    ArrowLeft: -1,
    ArrowDown: -1,
    ArrowRight: 1,
    ArrowUp: 1,
    PageDown: -far,
    PageUp: far,
  };
  plot.addEventListener("keydown", (event) => {
    const { key } = event;
    const from = chosen() ?? last;
    if (key === "Escape") choose(null);
    else if (key === "Home" || key === "End") choose(key === "Home" ? 0 : last);
    else if (key in moves) choose(clamped(from + moves[key]));
    else return;
    event.preventDefault();
  });
  const point = (event) => {
    const place = ((event.offsetX - LEFT) / (plot.clientWidth - LEFT - RIGHT)) * count;
    choose(clamped(Math.floor(place)));
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointercancel", () => choose(null)); // it scrolls the page
  plot.addEventListener("pointerleave", ({ pointerType }) => {
    const stays = pointerType === "touch" || plot.matches(":focus-visible"); // a finger always leaves
    if (!stays) choose(null);
  });
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && choose(chosen() ?? last));
  plot.addEventListener("blur", () => choose(null));
}

/** Where the bar of a day stands, in whole pixels: they leave no seams. */
function slot(place, count, width) {
  const step = (width - LEFT - RIGHT) / count;
  const x = Math.floor(LEFT + place * step);
  const end = Math.floor(LEFT + (place + 1) * step);
  const gap = step > 40 ? 12 : step > 6 ? 2 : step >= 3 ? 1 : 0;
  return { x: x + gap / 2, width: Math.max(1, end - x - gap) };
}

function bars(days, most, width) {
  const path = (name) =>
    days.map((day, place) => {
      if (!day[name]) return "";
      const bar = slot(place, days.length, width);
      const height = Math.max(2, Math.round((day[name] / most) * (GROUND - TOP)));
      return `M${bar.x} ${GROUND}v${-height}h${bar.width}v${height}z`;
    });
  return [
    svg("path", { class: "views-bar", d: path("views").join("") }),
    svg("path", { class: "uniques-bar", d: path("uniques").join("") }),
  ];
}

function grid(ticks, width) {
  return ticks.flatMap((count) => {
    const y = Math.round(GROUND - (count / ticks.at(-1)) * (GROUND - TOP)) + 0.5;
    return [
      svg("line", { class: count ? "grid" : "ground", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
      svg(
        "text",
        { class: "tick count", x: LEFT - 8, y: y + 4, "text-anchor": "end" },
        short(count, ticks.at(-1)),
      ),
    ];
  });
}

function names(days, width) {
  const isLong = days.length > MONTHS_FROM;
  const texts = days.map(({ day }) => day);
  const room = width - LEFT - RIGHT;
  const places = isLong ? everyMonth(texts, room, LABEL) : everyDay(days.length, room, LABEL);
  const step = room / days.length;
  return places.map((place) => {
    const middle = LEFT + (place + (isLong ? 0 : 0.5)) * step;
    const x = Math.min(width - LABEL * 0.4, middle);
    const words = isLong ? monthOf(texts[place]) : shortDay(texts[place]);
    return svg("text", { class: "tick day", x, y: HEIGHT - 7, "text-anchor": "middle" }, words);
  });
}

const key = (kind, ...words) => el("span", { class: `key ${kind}` }, ...words);

function ofDay({ day, views, uniques, opens, activeMs }) {
  return [
    el("strong", {}, fullDay(day)),
    key("views", plural(views, "view")),
    key("uniques", `${number(uniques)} unique`),
    key("", plural(opens, "open")),
    key("", `${duration(activeMs)} active`),
  ];
}

function totals(days) {
  const sum = (name) => days.reduce((total, day) => total + day[name], 0);
  return [
    el("strong", {}, plural(days.length, "day")),
    key("views", plural(sum("views"), "view")),
    key("uniques", "unique, by day"),
    key("", plural(sum("opens"), "open")),
    key("", `${duration(sum("activeMs"))} active`),
  ];
}

const valueText = ({ day, views, uniques }) =>
  `${fullDay(day)}: ${plural(views, "view")}, ${number(uniques)} unique`;

/** The same numbers for those who rather read; made when it is opened. */
function asTable(days) {
  const open = () => details.children.length === 1 && details.append(tableOf(days));
  const details = el("details", { toggle: open }, el("summary", {}, "As a table"));
  return details;
}

function tableOf(days) {
  const head = (words, kind) => el("th", { scope: "col", class: kind }, words);
  const heads = [head("Day (UTC)"), head("Views", "number"), head("Unique", "number")];
  const row = ({ day, views, uniques }) => [
    el("th", { scope: "row" }, fullDay(day)),
    el("td", { class: "number" }, number(views)),
    el("td", { class: "number" }, number(uniques)),
  ];
  const rows = [...days].reverse().map((day) => el("tr", {}, row(day)));
  const whole = el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
  const box = { class: "day-table", tabindex: "0", role: "region", "aria-label": "Days" };
  return el("div", box, whole);
}
