/** Ids that we do not trust, numbers and times, as text for people. */

import { el } from "./dom.js";

/** Control and format characters, but for the joiners that emoji and some scripts need. */
const UNSEEN = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** An id as it may be shown: nothing in it turns text around or hides. */
export function shownId(id) {
  const text = String(id).replace(UNSEEN, (found) => `⟨${found.codePointAt(0).toString(16)}⟩`);
  return text.trim() === text && text ? text : `“${text}”`;
}

/** The same inside a sentence, where no `<bdi>` can stand. */
export const isolated = (id) => `\u2068${shownId(id)}\u2069`;

/** The same as an element that keeps its direction to itself; the whole of it is in its title. */
export const idText = (id) => el("bdi", { class: "id", title: shownId(id) }, shownId(id));

/** A version; clients need not name one. */
export const versionText = (version) =>
  version === null ? el("span", { class: "soft" }, "no version") : idText(version);

/** A user as text: a guest is known by a pseudonym, an erased user by nothing. */
export function whoWords({ userId, isGuest }) {
  if (userId === null) return isGuest ? "erased guest" : "erased";
  return isGuest ? `guest ${shownId(userId).slice(0, 4)}…` : shownId(userId);
}

/** A user as an element. */
export function who(user) {
  if (user.userId === null) {
    const title = "This user was erased: the counts stay, the id is gone.";
    return el("em", { class: "erased", title }, whoWords(user));
  }
  const title = user.isGuest
    ? `A guest's pseudonym: ${shownId(user.userId)}`
    : shownId(user.userId);
  return el("bdi", { class: user.isGuest ? "id guest" : "id", title }, whoWords(user));
}

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact" });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const number = (value) => whole.format(value);

/** A number beside an axis that goes up to `most`. */
export const short = (value, most) => (most < 10_000 ? whole : compact).format(value);

export const decimal = (value) => (value < 100 ? fine : whole).format(value);
export const plural = (count, one, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;

export const INEXACT =
  "Uniques are not exact: a guest gets a new pseudonym from time to time and counts again, " +
  "and so does an erased user who returns.";

/** How many users, which may be known only about. */
export const uniquesText = (count, isExact) =>
  isExact
    ? number(count)
    : el("span", { class: "about", title: INEXACT }, `about ${number(count)}`);

/** A span of time in its two largest units. */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return units(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return units(hours, "h", minutes % 60, "min");
  return units(Math.floor(hours / 24), "d", hours % 24, "h");
}

const units = (large, unit, small, smaller) =>
  small ? `${number(large)} ${unit} ${small} ${smaller}` : `${number(large)} ${unit}`;

const withYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const sameYear = new Intl.DateTimeFormat(undefined, {
  ...{ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
});
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const minute = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const minuteText = (at) => minute.format(at);
export const dateText = (at) => date.format(at);

/** `2026-11-22 00:23:41 UTC`. */
export const utc = (at) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;

function timeElement(at, words) {
  return el("time", { datetime: new Date(at).toISOString(), title: utc(at) }, words);
}

/** A moment in the viewer's own zone, with UTC in its title. */
export function time(at) {
  const isThisYear = new Date(at).getFullYear() === new Date().getFullYear();
  return timeElement(at, (isThisYear ? sameYear : withYear).format(at));
}

/** The same without the day. */
export const clockTime = (at) => timeElement(at, clock.format(at));

/** Whether two moments are on the same day of the viewer's. */
export const isSameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

const utcOf = (options) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options });
const dayLong = utcOf({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const dayShort = utcOf({ day: "numeric", month: "short" });
const monthShort = utcOf({ month: "short" });

/** Days of the server's count are UTC days, and are shown as such. */
export const fullDay = (day) => dayLong.format(Date.parse(day));
export const shortDay = (day) => dayShort.format(Date.parse(day));
export const monthOf = (day) =>
  day.slice(5, 7) === "01" ? day.slice(0, 4) : monthShort.format(Date.parse(day));
