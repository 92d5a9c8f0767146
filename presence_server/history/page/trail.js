/** The trail of a session as a list of sentences. */

import { el } from "./dom.js";
import { keyOf } from "./lives.js";
import { nothing } from "./panel.js";
import { clockTime, dateText, isSameDay, plural, who, whoWords } from "./text.js";

const STEP = 100;

const LEFT = {
  timeout: "connection lost",
  kicked: "removed",
  expired: "token expired",
  untracked: "no longer recorded",
  server_stopped: "the server was stopped",
  server_lost: "the server was lost",
  gap: "events were lost",
};

/** Why somebody left, where it is not that they wanted to. */
export const because = (reason) => LEFT[reason] ?? "";

/** What a line says; before it stands who, where it is about somebody. */
export function saying({ what, detail, userId }) {
  const reason = what === "left" ? because(detail) : detail;
  const told = SENTENCES[what]?.(reason, userId) ?? what;
  return told;
}

const bracket = (reason) => (reason ? ` (${reason})` : "");
const words = (reason) => String(reason ?? "").replaceAll("_", " ");

const SENTENCES = {
  opened: () => "The session opened",
  joined: (role) => `joined${role ? ` as ${role}` : ""}`,
  left: (reason) => `left${bracket(reason)}`,
  role: (role) => `is now ${role}`,
  removed: (_, user) =>
    user === null ? "Somebody was removed by an operator" : "was removed by an operator",
  refused: (reason, user) =>
    `${user === null ? "Somebody was" : "was"} refused${bracket(words(reason))}`,
  ended: () => "An operator ended the room",
  closed: () => "The session closed",
  exported: (what) => `Exported: ${what}`,
  erased: (what) => (what === "resource" ? "A resource was deleted" : "A user was erased"),
  gap: () => "Events were lost here",
};

const ABOUT_USERS = new Set(["joined", "left", "role"]);

/** A line as one text, for the title of a mark. */
export function sentence(line) {
  const about = line.userId !== null || ABOUT_USERS.has(line.what);
  return about ? `${whoWords(line)} ${saying(line)}` : saying(line);
}

/** Newest first; `only` is the key of the user whose lines are wanted, or null. */
export function trailList(trail, only) {
  const lines = only === null ? trail : trail.filter((line) => keyOf(line) === only);
  if (!lines.length) return nothing("Nothing is noted, or nothing is still kept.");
  const list = el("ol", { class: "trail" });
  const rest = el("button", { type: "button", class: "more", click: grow });
  let shown = 0;
  function grow() {
    const next = lines.slice(shown, shown + STEP);
    list.append(...next.flatMap((line, place) => entry(line, lines[shown + place - 1])));
    shown += next.length;
    rest.hidden = shown === lines.length;
    rest.textContent = `Show more of ${plural(lines.length, "line")}`;
  }
  grow();
  return el("div", {}, list, rest);
}

/** A line, and before it the day where that is another than the line's above. */
function entry(line, above) {
  const about = line.userId !== null || ABOUT_USERS.has(line.what);
  const day =
    above && isSameDay(above.at, line.at)
      ? null
      : el("li", { class: "trail-day" }, dateText(line.at));
  const text = about ? [who(line), ` ${saying(line)}`] : saying(line);
  const content = [clockTime(line.at), el("span", {}, text)];
  return [day, el("li", { "data-testid": "trail-line", "data-what": line.what }, content)].filter(
    Boolean,
  );
}
