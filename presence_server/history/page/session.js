/** One session: who was there when, and what happened. */

import { ask, askAll } from "./api.js";
import { el } from "./dom.js";
import { timeline } from "./lanes.js";
import { nothing, Panel } from "./panel.js";
import { tiles } from "./parts.js";
import { format } from "./route.js";
import { lasted, state } from "./sessions.js";
import { duration, number, plural, time } from "./text.js";
import { trailList } from "./trail.js";

const MOST_PARTICIPANTS = 2_000;
const MOST_LINES = 10_000;

export function session({ session: number_ }) {
  const panel = new Panel("", "session");
  panel.unknown = "No such session is known in this room, or it is no longer kept.";
  const back = el("a", { class: "back" }, "Sessions");
  return {
    title: () => `Session ${number_}`,
    panels: [panel],
    element: el(
      "div",
      { class: "view" },
      el("p", {}, back),
      el("h1", { tabindex: "-1" }, `Session ${number_}`),
      panel.element,
    ),
    update(route) {
      const question = { room: route.room, session: number_ };
      back.setAttribute("href", format(route, { view: "sessions", session: "" }));
      panel.show(question, (signal) => load(question, signal), draw);
    },
  };
}

async function load(question, signal) {
  const [of, participants, trail] = await Promise.all([
    ask("session", question, signal),
    askAll("participants", question, signal, MOST_PARTICIPANTS),
    askAll("activity", question, signal, MOST_LINES),
  ]);
  const oldest = [of, participants, trail].sort((a, b) => a.asOf - b.asOf)[0];
  return { of, participants, trail, asOf: oldest.asOf, lagMs: oldest.lagMs };
}

function draw({ of, participants, trail }) {
  return [
    summary(of),
    limits(participants, trail),
    story(of, participants.rows, trail.rows),
  ].filter(Boolean);
}

function story(of, participants, trail) {
  const beside = el("div", { class: "beside" }, trailList(trail, null));
  const choose = (key) => beside.replaceChildren(trailList(trail, key));
  const left = participants.length
    ? timeline(of, participants, trail, choose)
    : nothing("No participants, or none that are still kept.");
  return el(
    "div",
    { class: "story" },
    el("section", { "aria-label": "Who was there" }, el("h2", {}, "Who was there"), left),
    el("section", { "aria-label": "What happened" }, el("h2", {}, "What happened"), beside),
  );
}

function summary(of) {
  return tiles([
    ["State", state(of)],
    ["Opened", time(of.openedAt)],
    [
      of.closedAt === null ? "Empty since" : "Closed",
      of.emptySince === null ? "–" : time(of.closedAt ?? of.emptySince),
    ],
    ["Lasted", duration(lasted(of, of.asOf))],
    ["Users", number(of.users), "Each once"],
    ["At once", number(of.peak), "Most users at the same time"],
    ["Joins", number(of.joins)],
    ["Views", number(of.views)],
  ]);
}

function limits(participants, trail) {
  if (participants.isAll && trail.isAll) return null;
  const parts = [];
  if (!participants.isAll) parts.push(plural(participants.rows.length, "participant"));
  if (!trail.isAll) parts.push(`the latest ${plural(trail.rows.length, "line")} of the trail`);
  return el("p", { class: "small" }, `Shown: ${parts.join(" and ")}.`);
}
