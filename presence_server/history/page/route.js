/**
 * What is looked at, as the page's hash, so that a link to it can be shared. A credential is never
 * in it. Pure.
 */

export const WINDOWS = ["7", "30", "90", "400"];
export const ORDERS = ["views", "uniques", "trend"];
const VIEWS = ["overview", "resource", "sessions", "session"];

/** What a hash leaves out. `days` is the chart's window, `of` the leaderboard's ("": all time). */
const DEFAULTS = {
  room: "",
  view: "overview",
  type: "",
  id: "",
  session: "",
  days: "30",
  by: "views",
  of: "",
  kind: "",
  most: "10",
};

const ALLOWED = {
  view: VIEWS,
  days: WINDOWS,
  by: ORDERS,
  of: ["", ...WINDOWS],
  most: ["10", "100"],
};

/** The route that a hash stands for; what it should not hold is as if it were left out. */
export function parse(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const route = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) {
    const value = given.get(name);
    if (value !== null && (ALLOWED[name]?.includes(value) ?? true)) route[name] = value;
  }
  return sound(route);
}

function sound(route) {
  const lacksResource = route.view === "resource" && !(route.type && route.id);
  const lacksSession = route.view === "session" && !/^\d{1,15}$/.test(route.session);
  if (lacksResource) return { ...route, view: "overview" };
  return lacksSession ? { ...route, view: "sessions" } : route;
}

/** The hash of a route with these changes. */
export function format(route, changes = {}) {
  const hash = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...route, ...changes })) {
    if (value !== DEFAULTS[name]) hash.set(name, value);
  }
  return `#${hash}`;
}

/** What makes it another view, not the same one with another window. */
export const place = ({ room, view, type, id, session }) =>
  JSON.stringify(
    {
      overview: [room, view],
      resource: [room, view, type, id],
      sessions: [room, view],
      session: [room, view, session],
    }[view],
  );
