/** Where the lines and labels of a drawing stand. Pure. */

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const STEPS = [
  ...[1_000, 5_000, 15_000, 30_000],
  ...[MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE],
  ...[HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR],
  ...[1, 2, 7, 14, 30, 60, 90].map((days) => days * DAY),
];

/** Round counts from 0 up to the first that is at least `most`, four or five of them. */
export function counts(most) {
  const step = roundUp(Math.max(most, 1) / 4);
  const ticks = [0];
  while (ticks.at(-1) < most) ticks.push(ticks.at(-1) + step);
  return ticks.length > 1 ? ticks : [0, step];
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= value);
}

/** The places of the days to label, so that each has `room` of `width`; counted from the last. */
export function everyDay(days, width, room) {
  const step =
    [1, 2, 5, 7, 10, 15, 30, 60, 90].find((some) => (some * width) / days >= room) ?? 120;
  const places = [];
  for (let place = days - 1; place >= 0; place -= step) places.unshift(place);
  return places;
}

/** The places of the first days of months to label, so that each has `room`. `days` are texts. */
export function everyMonth(days, width, room) {
  const step = [1, 2, 3, 4, 6, 12].find((some) => (some * 30 * width) / days.length >= room) ?? 12;
  const isLabelled = (day) => day.endsWith("-01") && (Number(day.slice(5, 7)) - 1) % step === 0;
  return days.flatMap((day, place) => (isLabelled(day) ? [place] : []));
}

/** Round moments of the viewer's own zone between two, at most about `most`, and their distance. */
export function moments(from, to, most) {
  const step = STEPS.find((some) => (to - from) / some <= most) ?? 180 * DAY;
  const ticks = [];
  for (let at = startOfDay(from); at <= to; at = after(at, step)) if (at >= from) ticks.push(at);
  return { step, ticks };
}

function startOfDay(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** Days are as long as the calendar says. */
function after(at, step) {
  if (step < DAY) return at + step;
  return new Date(at).setDate(new Date(at).getDate() + step / DAY);
}
