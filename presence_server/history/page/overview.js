/** A room: its views per day, and what is viewed most. */

import { daysPanel } from "./days.js";
import { el } from "./dom.js";
import { topPanel } from "./top.js";

export function overview() {
  const parts = [daysPanel(), topPanel()];
  return {
    title: () => "Overview",
    panels: parts.map(({ panel }) => panel),
    element: el(
      "div",
      { class: "view" },
      el("h1", { tabindex: "-1" }, "Overview"),
      parts.map(({ panel }) => panel.element),
    ),
    update(route) {
      for (const part of parts) part.update(route);
    },
  };
}
