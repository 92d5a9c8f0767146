/** The form that asks for a room and a credential, and says why it asks again. */

import { credential, keepCredential } from "./api.js";
import { el } from "./dom.js";
import { notice } from "./panel.js";
import { format } from "./route.js";

/** `open(hash)` is called when it was filled in; `failure` is why the last try was refused. */
export function door(route, failure, open) {
  const room = field("Room", {
    name: "room",
    value: route.room,
    placeholder: "presence-acme",
    maxlength: "128",
  });
  const secret = field("Admin key or token", {
    name: "credential",
    type: "password",
    value: credential(),
  });
  const submit = (event) => {
    event.preventDefault();
    keepCredential(secret.input.value.trim());
    open(format({ ...route, room: room.input.value.trim() }));
  };
  const form = el(
    "form",
    { class: "door", submit, "data-testid": "door" },
    el("h1", { tabindex: "-1" }, "History"),
    el("p", { class: "soft" }, "Who viewed what in a room, how often and when."),
    failure ? notice(failure) : null,
    room.element,
    secret.element,
    el(
      "p",
      { class: "small" },
      "A token needs the scope history.read. It is kept in this tab only, until the tab is closed.",
    ),
    el("button", { type: "submit", class: "primary" }, "Open"),
  );
  return { element: form, focus: () => (room.input.value ? secret : room).input.focus() };
}

function field(words, attributes) {
  const input = el("input", {
    type: "text",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "none",
    ...attributes,
  });
  return { input, element: el("label", { class: "field" }, el("span", {}, words), input) };
}
