/** A resource: its totals, its days, who saw which version, the latest viewings. */

import { ask } from "./api.js";
import { daysPanel } from "./days.js";
import { el } from "./dom.js";
import { matrix } from "./matrix.js";
import { nothing, Panel } from "./panel.js";
import { growing, table, tiles } from "./parts.js";
import { format } from "./route.js";
import * as text from "./text.js";

const PAGE = 20;
const MOST_VERSIONS = 100;
const OPEN_VERSIONS = 6;

const ENDS = {
  left: "left",
  moved: "went elsewhere",
  away: "away",
  day: "split after 24 h",
  server_stopped: "server stopped",
  server_lost: "server lost",
  gap: "events were lost",
  erased: "erased",
};

export function resource({ type, id }) {
  const days = daysPanel();
  const totals = new Panel("", "totals");
  const who = new Panel("Who saw which version", "matrix");
  const latest = new Panel("Latest viewings", "views");
  const panels = [totals, days.panel, who, latest];
  const back = el("a", { class: "back" }, "Overview");
  return {
    title: () => `${text.isolated(type)} ${text.isolated(id)}`,
    panels,
    element: el(
      "div",
      { class: "view" },
      el("p", {}, back),
      heading(type, id),
      panels.map(({ element }) => element),
    ),
    update(route) {
      const of = { room: route.room, type, id };
      back.setAttribute("href", format(route, { view: "overview", type: "", id: "" }));
      days.update(route);
      totals.show(of, (signal) => ask("resource", of, signal), statistics);
      who.show(of, (signal) => ask("matrix", of, signal), matrix);
      latest.show(
        of,
        (signal) => ask("views", { ...of, limit: PAGE }, signal),
        (answer) => viewings(answer, of),
      );
    },
  };
}

function heading(type, id) {
  return el(
    "h1",
    { tabindex: "-1" },
    el("span", { class: "kind" }, text.shownId(type)),
    " ",
    text.idText(id),
  );
}

function statistics(answer) {
  const note = answer.isExact ? null : el("p", { class: "small" }, text.INEXACT);
  return [
    tiles([
      ["Views", text.number(answer.views), "A return within five minutes is the same view"],
      ["Unique", text.uniquesText(answer.uniques, answer.isExact), "Users who viewed it"],
      ["Opens", text.number(answer.opens), "Further tabs and quick returns included"],
      ["Active", text.duration(answer.activeMs), "How long it was looked at, away left out"],
      ["Trend", text.decimal(answer.trend), "Views, each half as much after every half-life"],
      ["First viewed", text.time(answer.firstAt)],
      ["Last viewed", text.time(answer.lastAt)],
    ]),
    note,
    byVersion(answer.versions),
  ].filter(Boolean);
}

function byVersion(versions) {
  const isCut = versions.length >= MOST_VERSIONS;
  const name = isCut
    ? `The latest ${MOST_VERSIONS} versions`
    : text.plural(versions.length, "version");
  const open = versions.length <= OPEN_VERSIONS;
  return el(
    "details",
    { class: "by-version", open },
    el("summary", {}, name),
    versionTable(versions),
  );
}

function versionTable(versions) {
  const columns = [
    ["Version", ({ version }) => text.versionText(version), "wide"],
    ["Views", ({ views }) => text.number(views), "number"],
    ["Unique", ({ uniques }) => text.number(uniques), "number"],
    ["Opens", ({ opens }) => text.number(opens), "number"],
    ["Active", ({ activeMs }) => text.duration(activeMs), "number"],
    ["Last viewed", ({ lastAt }) => text.time(lastAt), "number"],
  ];
  return table("Versions", columns, versions, "version-row").element;
}

function viewings(answer, of) {
  if (!answer.rows.length) return nothing("No viewings yet, or none that are still kept.");
  const columns = [
    ["Who", text.who, "wide"],
    ["Version", ({ version }) => text.versionText(version)],
    ["Began", ({ beganAt }) => text.time(beganAt), "number"],
    ["Active", activeText, "number"],
    ["Opens", ({ opens }) => text.number(opens), "number"],
    ["Ended", ended, "number"],
  ];
  const { element, add } = table("Latest viewings", columns, answer.rows, "view-row");
  const more = async (cursor) => {
    const next = await ask("views", { ...of, limit: PAGE, cursor }, AbortSignal.timeout(30_000));
    add(next.rows);
    return next;
  };
  return [element, growing(answer, more)];
}

const activeText = ({ activeMs, endedAt }) =>
  endedAt === null && !activeMs ? "–" : text.duration(activeMs);

function ended({ endedAt, endedBy }) {
  if (endedAt === null) return el("span", { class: "now" }, "looking now");
  return [text.time(endedAt), el("span", { class: "soft" }, ` ${ENDS[endedBy] ?? endedBy ?? ""}`)];
}
