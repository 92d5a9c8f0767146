/** Who this window is: an id for its life, a name and a picture the visitor may change. */

import { fitBytes, pictureAddress, randomId, suggestName } from "./text.js";

const NAME_BYTES = 256; // the wire's limits
const PICTURE_BYTES = 2_048;

/**
 * Kept in sessionStorage, so a reload is the same person and a second window is somebody else.
 *
 * @param {HTMLInputElement} nameInput
 * @param {HTMLInputElement} pictureInput
 * @param {HTMLElement} pictureHint  shown when the picture's address cannot be used
 * @param {() => void} onChange
 */
export function identity(nameInput, pictureInput, pictureHint, onChange) {
  const userId = recall("user") ?? keep("user", `guest-${randomId()}`);
  const me = {
    userId,
    name: recall("name") ?? keep("name", suggestName()),
    picture: recall("picture") ?? "",
  };
  nameInput.value = me.name;
  pictureInput.value = me.picture;

  nameInput.addEventListener("change", () => {
    const name = fitBytes(nameInput.value.trim(), NAME_BYTES) || suggestName();
    nameInput.value = name;
    if (name === me.name) return;
    me.name = keep("name", name);
    onChange();
  });

  pictureInput.addEventListener("change", () => {
    const typed = pictureInput.value.trim();
    const address = fitBytes(typed, PICTURE_BYTES) === typed ? pictureAddress(typed) : null;
    pictureHint.hidden = typed === "" || address !== null;
    if ((address ?? "") === me.picture) return;
    me.picture = keep("picture", address ?? "");
    onChange();
  });

  return me;
}

/** @param {string} key */
function recall(key) {
  try {
    return sessionStorage.getItem(`presence-demo.${key}`);
  } catch {
    return null; // storage switched off: a reload is then somebody new
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
function keep(key, value) {
  try {
    sessionStorage.setItem(`presence-demo.${key}`, value);
  } catch {
    // as above
  }
  return value;
}
