/** The bar at the top: which room, which view, how fresh. */

import { el, set } from "./dom.js";
import { format } from "./route.js";
import { clockTime, decimal, duration, idText } from "./text.js";

const LATE_MS = 30_000;
const VIEWS = [
  ["overview", "Overview", ["overview", "resource"]],
  ["sessions", "Sessions", ["sessions", "session"]],
];

export function head(refresh, leave) {
  const other = { href: "#", title: "Choose another room" };
  const room = el("a", { class: "room", "data-testid": "room", ...other });
  const fresh = el("p", { class: "fresh", "data-testid": "fresh" });
  const links = VIEWS.map(([view, words, parts]) => ({ view, parts, link: el("a", {}, words) }));
  const nav = el(
    "nav",
    { "aria-label": "Views", class: "tabs" },
    links.map(({ link }) => link),
  );
  const again = el("button", { type: "button", click: refresh }, "Refresh");
  const out = el(
    "button",
    { type: "button", class: "quiet", click: leave, title: "Forgets the credential" },
    "Leave",
  );
  const brand = el(
    "span",
    { class: "brand" },
    el("span", { class: "mark", "aria-hidden": "true" }),
    el("span", { class: "brand-name" }, "History"),
  );
  const element = el("div", { class: "top" }, brand, room, nav, fresh, again, out);
  return {
    element,
    update(route) {
      room.replaceChildren(idText(route.room));
      for (const { view, parts, link } of links) {
        set(link, "href", format(route, { view, type: "", id: "", session: "" }));
        set(link, "aria-current", parts.includes(route.view) ? "page" : null);
      }
    },
    /** The oldest of what is shown is what all of it can be trusted for. */
    freshen(panels) {
      const known = panels.map((panel) => panel.fresh).filter((fresh) => fresh?.asOf);
      const oldest = known.sort((a, b) => a.asOf - b.asOf)[0];
      fresh.replaceChildren(...(oldest ? words(oldest) : []));
      set(fresh, "data-late", oldest && oldest.lagMs > LATE_MS);
    },
  };
}

function words({ asOf, lagMs }) {
  const lag = lagMs < 10_000 ? `${decimal(lagMs / 1000)} s` : duration(lagMs);
  const title = "What happened later is not in the answers yet";
  return [
    "as of ",
    clockTime(asOf),
    el("span", { title, "data-testid": "lag" }, ` (${lag} behind)`),
  ];
}
