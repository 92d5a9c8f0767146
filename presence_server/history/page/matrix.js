/** Versions × users: how often each of them saw each. */

import { el } from "./dom.js";
import { nothing } from "./panel.js";
import { number, plural, versionText, who, whoWords } from "./text.js";

const MOST = 50;
const SHADES = 5;

export function matrix({ versions, users }) {
  if (!versions.length || !users.length) return nothing("No views yet.");
  const most = Math.max(1, ...users.flatMap(({ views }) => views));
  const corner = el("th", { class: "corner", scope: "col" }, "User");
  const heads = versions.map((version) => el("th", { scope: "col" }, versionText(version)));
  const grid = el(
    "table",
    { class: "matrix" },
    el("thead", {}, el("tr", {}, corner, heads)),
    el(
      "tbody",
      {},
      users.map((user) => row(user, most)),
    ),
  );
  const box = {
    class: "matrix-box",
    tabindex: "0",
    role: "region",
    "aria-label": "Users and versions",
  };
  return [el("div", box, grid), legend(versions.length, users.length)];
}

function row(user, most) {
  const cells = user.views.map((views) =>
    el(
      "td",
      { "data-shade": shade(views, most), title: `${whoWords(user)}: ${plural(views, "view")}` },
      views ? number(views) : "·",
    ),
  );
  return el("tr", { "data-testid": "matrix-row" }, el("th", { scope: "row" }, who(user)), cells);
}

/** 0 for none, then by the logarithm: a single view differs from none, 5 from 50. */
function shade(views, most) {
  if (!views || most === 1) return views ? 3 : 0;
  return 1 + Math.round((Math.log(views) / Math.log(most)) * (SHADES - 1));
}

function legend(versions, users) {
  const cut = [];
  if (versions >= MOST) cut.push(`the latest ${MOST} versions`);
  if (users >= MOST) cut.push(`the latest ${MOST} users`);
  const scope = cut.length ? ` Shown: ${cut.join(", ")}.` : "";
  return el("p", { class: "small" }, `Views of each version by each user; a dot is none.${scope}`);
}
