/** The timeline of a session, drawn: a lane for each participant, one for the room. */

import { el, onWidth, set, svg } from "./dom.js";
import { keyOf, lanes, roomLines } from "./lives.js";
import { moments } from "./scale.js";
import { clockTime, dateText, duration, isSameDay, minuteText, utc, who } from "./text.js";
import { because, sentence } from "./trail.js";

const MIDDLE = 14;
const LABEL = 74;
const SECONDS = 60_000;

const SHAPES = {
  role: "M0-5L5 0 0 5-5 0z",
  removed: "M-4-4L4 4M4-4L-4 4",
  refused: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0M-3 3L3-3",
  gap: "M0-11V11M-3-11V11M3-11V11",
};
const DOT = "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0";

/** `choose(key)` is called with the participant whose lines are wanted, or null for all. */
export function timeline(session, participants, trail, choose) {
  const scale = span(session);
  const all = lanes(participants, trail, scale.to);
  const rows = all.map((lane) => laneRow(lane, scale, pick));
  const axis = svg("svg", { class: "axis", "aria-hidden": "true" });
  const backdrop = svg("svg", { class: "backdrop", "aria-hidden": "true" });
  const room = roomRow(roomLines(trail, all), scale);
  const head = el(
    "div",
    { class: "lane lane-head" },
    el("div", { class: "lane-name" }, "Room"),
    el("div", { class: "lane-track" }, axis, room),
  );
  const list = el("ol", { class: "lane-list" }, rows);
  const box = { class: "lanes", tabindex: "0", role: "region", "aria-label": "Participants" };
  onWidth(axis.parentElement ?? axis, (width) => drawAxis(axis, backdrop, scale, width));
  let picked = null;

  function pick(key) {
    picked = picked === key ? null : key;
    for (const button of list.querySelectorAll("button")) {
      set(button, "aria-pressed", String(button.dataset.key === picked));
    }
    choose(picked);
  }

  return el(
    "div",
    {},
    el("div", box, head, el("div", { class: "lane-body" }, backdrop, list)),
    legend(all, trail),
  );
}

/** From the first join to the end, or to as late as is known. */
function span({ openedAt, closedAt, emptySince, asOf }) {
  const to = Math.max(openedAt + SECONDS, closedAt ?? emptySince ?? asOf);
  const percent = (at) =>
    `${(Math.min(1, Math.max(0, (at - openedAt) / (to - openedAt))) * 100).toFixed(3)}%`;
  return { from: openedAt, to, percent };
}

function laneRow({ participant, bars, marks }, scale, pick) {
  const drawing = svg(
    "svg",
    { class: "track", "aria-hidden": "true" },
    bars.map((bar) => drawBar(bar, scale)),
    marks.map((line) => drawMark(line, scale)),
  );
  return el(
    "li",
    { class: "lane", "data-testid": "lane" },
    el("div", { class: "lane-name" }, name(participant, pick)),
    el("div", { class: "lane-track" }, drawing, el("p", { class: "unseen" }, bars.map(inWords))),
  );
}

/** An erased participant is nobody whose lines could be told from others'. */
function name(participant, pick) {
  const role = el("span", { class: "role" }, participant.role);
  if (participant.userId === null) return [who(participant), role];
  const key = keyOf(participant);
  const title = "Show this participant's lines only";
  return el(
    "button",
    { type: "button", "aria-pressed": "false", "data-key": key, title, click: () => pick(key) },
    who(participant),
    role,
  );
}

const kindOf = ({ isRough, isOpen }) => (isRough ? "rough" : isOpen ? "open" : "");

function drawBar(bar, { percent }) {
  const kind = `bar ${kindOf(bar)}`;
  const place = { x1: percent(bar.from), x2: percent(bar.to), y1: MIDDLE, y2: MIDDLE };
  return svg(
    "line",
    { class: kind, "data-testid": "bar", ...place },
    svg("title", {}, inWords(bar)),
  );
}

function inWords({ from, to, isOpen, isRough, because: reason }) {
  const end = isOpen
    ? "still there"
    : `until ${clockTime(to).textContent}${because(reason) && `, ${because(reason)}`}`;
  const breaks = isRough ? ", with breaks that are not known" : "";
  return `From ${clockTime(from).textContent} ${end}, ${duration(to - from)}${breaks}. `;
}

function drawMark(line, { percent }) {
  const shape = svg("path", { d: SHAPES[line.what] ?? DOT });
  const title = svg(
    "title",
    {},
    `${sentence(line)}, ${clockTime(line.at).textContent} (${utc(line.at)})`,
  );
  const place = { x: percent(line.at), y: MIDDLE, overflow: "visible", width: 1, height: 1 };
  return svg("svg", { class: `mark ${line.what}`, "data-testid": "mark", ...place }, title, shape);
}

function roomRow(lines, scale) {
  return svg(
    "svg",
    { class: "track", "data-testid": "room-track" },
    lines.map((line) => drawMark(line, scale)),
  );
}

function drawAxis(axis, backdrop, { from, to, percent }, width) {
  const { step, ticks } = moments(from, to, Math.max(1, Math.floor(width / LABEL)));
  const fits = ticks.filter((at) => ((at - from) / (to - from)) * width <= width - LABEL / 3);
  const label = (at, place) => {
    const isAtEdge = ((at - from) / (to - from)) * width < LABEL / 3;
    const where = { x: percent(at), y: 11, "text-anchor": isAtEdge ? "start" : "middle" };
    return svg("text", { class: "tick", ...where }, tickText(at, step, fits[place - 1]));
  };
  axis.replaceChildren(...fits.map(label));
  const line = (at) =>
    svg("line", { class: "grid", x1: percent(at), x2: percent(at), y1: 0, y2: "100%" });
  backdrop.replaceChildren(...ticks.map(line));
}

/** The day where it is a new one, otherwise the time of day. */
function tickText(at, step, before) {
  const isNewDay = before !== undefined && !isSameDay(before, at);
  if (step >= 86_400_000 || isNewDay) return dateText(at);
  return step < SECONDS ? clockTime(at).textContent : minuteText(at);
}

const BARS = { "": "there", open: "still there", rough: "there, with breaks not known" };
const MARKS = { role: "new role", removed: "removed", refused: "refused", gap: "events lost" };

/** What the signs mean that are there. */
function legend(all, trail) {
  const kinds = new Set(all.flatMap(({ bars }) => bars.map(kindOf)));
  const whats = new Set(trail.map(({ what }) => what));
  const bars = Object.entries(BARS).filter(([kind]) => kinds.has(kind));
  const marks = Object.entries(MARKS).filter(([what]) => whats.has(what));
  const bar = ([kind, words]) => el("li", {}, el("span", { class: `sign-bar ${kind}` }), words);
  const mark = ([what, words]) => el("li", {}, sign(what), words);
  return el("ul", { class: "legend" }, bars.map(bar), marks.map(mark));
}

function sign(what) {
  const box = { class: `sign mark ${what}`, viewBox: "-8 -8 16 16", "aria-hidden": "true" };
  return svg("svg", box, svg("path", { d: SHAPES[what] }));
}
