/** The sessions of a room. */

import { ask } from "./api.js";
import { el } from "./dom.js";
import { nothing, Panel } from "./panel.js";
import { growing, table } from "./parts.js";
import { format } from "./route.js";
import { duration, number, time } from "./text.js";

const PAGE = 30;
const NONE = "No sessions yet: nobody has joined this room since history is on.";

export function sessions() {
  const panel = new Panel("", "sessions");
  panel.unknown = NONE;
  return {
    title: () => "Sessions",
    panels: [panel],
    element: el("div", { class: "view" }, el("h1", { tabindex: "-1" }, "Sessions"), panel.element),
    update(route) {
      const question = { room: route.room, limit: PAGE };
      panel.show(
        question,
        (signal) => ask("sessions", question, signal),
        (answer) => draw(answer, question, route),
      );
    },
  };
}

function draw(answer, question, route) {
  if (!answer.rows.length) return nothing(NONE);
  const columns = [
    ["Session", (row) => link(row, route), "wide"],
    ["State", state],
    ["Lasted", (row) => duration(lasted(row, answer.asOf)), "number"],
    ["Users", ({ users }) => number(users), "number"],
    ["At once", ({ peak }) => number(peak), "number"],
    ["Joins", ({ joins }) => number(joins), "number"],
    ["Views", ({ views }) => number(views), "number"],
  ];
  const { element, add } = table("Sessions", columns, answer.rows, "session-row");
  const more = async (cursor) => {
    const next = await ask("sessions", { ...question, cursor }, AbortSignal.timeout(30_000));
    add(next.rows);
    return next;
  };
  return [element, growing(answer, more)];
}

function link({ session, openedAt }, route) {
  return el(
    "a",
    { href: format(route, { view: "session", session: String(session) }) },
    time(openedAt),
  );
}

/** Until the room was empty, or until now. */
export const lasted = ({ openedAt, closedAt, emptySince }, now) =>
  Math.max(0, (closedAt ?? emptySince ?? now) - openedAt);

/** Whether somebody is there, nobody is, or it is over. */
export function state({ members, emptySince, closedAt }) {
  if (closedAt !== null) return el("span", { class: "soft" }, "closed");
  if (emptySince !== null)
    return el("span", { class: "soft", title: "Closed after a while" }, "empty");
  return el("span", { class: "now" }, `${number(members)} here now`);
}
