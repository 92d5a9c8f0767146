/** The panel of views per day, of a room or of one resource. */

import { ask } from "./api.js";
import { chart } from "./chart.js";
import { nothing, Panel } from "./panel.js";
import { choices } from "./parts.js";
import { WINDOWS } from "./route.js";

/** For a route with a resource in it, of that; otherwise of the whole room. */
export function daysPanel() {
  const options = WINDOWS.map((days) => [days, `${days} days`]);
  const windows = choices("Days", "days", options);
  const panel = new Panel("Views per day", "days", windows.element);
  const update = ({ room, type, id, days }) => {
    const question = { room, type, id, days };
    panel.show(question, (signal) => ask("days", question, signal), draw);
  };
  return {
    panel,
    update(route) {
      windows.update(route);
      update(route.view === "resource" ? route : { ...route, type: "", id: "" });
    },
  };
}

function draw({ rows }) {
  if (rows.some((day) => day.views)) return chart(rows);
  return nothing(`No views in these ${rows.length} days.`);
}
