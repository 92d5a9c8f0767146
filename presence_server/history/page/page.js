/** Shows what the hash asks for. */

import { credential, keepCredential } from "./api.js";
import { door } from "./door.js";
import { head } from "./head.js";
import { overview } from "./overview.js";
import { resource } from "./resource.js";
import { format, parse, place } from "./route.js";
import { session } from "./session.js";
import { sessions } from "./sessions.js";

const VIEWS = { overview, resource, sessions, session };

const top = document.querySelector("#top");
const main = document.querySelector("#main");
const said = document.querySelector("#said");
const bar = head(refresh, leave);

let view = null;
let at = "";

/** Follows the hash: the same view is told of its new route, another takes its place. */
function follow() {
  const route = parse(location.hash);
  if (!route.room || !credential()) return ask(null);
  const isNew = place(route) !== at;
  if (isNew) mount(route);
  bar.update(route);
  view.update(route);
}

function mount(route) {
  const isFirst = !at;
  at = place(route);
  clear();
  view = VIEWS[route.view](route);
  top.replaceChildren(bar.element);
  bar.freshen([]);
  main.replaceChildren(view.element);
  document.title = `${view.title()} · ${route.room} · History`;
  scrollTo(0, 0);
  if (!isFirst) main.querySelector("h1").focus({ preventScroll: true });
}

/** Asks at the door; `failure` is why. */
function ask(failure) {
  at = "";
  clear();
  const form = door(parse(location.hash), failure, enter);
  top.replaceChildren();
  main.replaceChildren(form.element);
  document.title = "History";
  form.focus();
}

function clear() {
  for (const panel of view?.panels ?? []) panel.stop();
  view = null;
}

function enter(hash) {
  if (hash === location.hash) follow();
  else location.hash = hash;
}

function refresh() {
  for (const panel of view?.panels ?? []) panel.again();
}

function leave() {
  keepCredential("");
  history.replaceState(null, "", format({ room: parse(location.hash).room }));
  ask(null);
}

main.addEventListener("refused", ({ detail }) => view && ask(detail));
main.addEventListener("answered", () => {
  if (!view) return;
  bar.freshen(view.panels);
  said.textContent = main.querySelector("[aria-busy]") ? "" : "Loaded";
});
document.querySelector("#skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", follow);
follow();
