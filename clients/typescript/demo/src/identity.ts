/**
 * Who this tab is: a user id for its life, a name and a picture the visitor may change.
 *
 * Kept in sessionStorage, so that a reload is the same person and a new tab is somebody else, unless
 * its address says `?as=` and an id: then it is one more tab of that person. `?name=` names somebody
 * new.
 */

import { useSyncExternalStore } from "react";
import { fitBytes, pictureAddress, suggestName } from "./text.ts";

export interface Identity {
  readonly userId: string;
  readonly name: string;
  /** An address, or "". */
  readonly picture: string;
}

const NAME_BYTES = 256; // the wire's limits
const PICTURE_BYTES = 2_048;
const KEY = "presence-demo";

const listeners = new Set<() => void>();
let current = load();
const channel = new BroadcastChannel(`${KEY}.${current.userId}`);
channel.addEventListener("message", ({ data }) => keep(data)); // another tab of mine changed it
keep(current);

export const identity = {
  get: () => current,
  /** Takes a change, as far as the wire does; what it will not take is left as it was. */
  change({ name = current.name, picture = current.picture }: Partial<Identity>) {
    const fitted = fitBytes(name.trim(), NAME_BYTES) || suggestName();
    const address = picture.length <= PICTURE_BYTES ? pictureAddress(picture.trim()) : null;
    keep({ ...current, name: fitted, picture: address ?? "" });
    channel.postMessage(current);
  },
};

export const useIdentity = () => useSyncExternalStore(subscribe, identity.get);

/** The address of one more tab of this person. */
export function addressAsMyself({ userId, name, picture }: Identity): string {
  const query = new URLSearchParams(location.search);
  query.set("as", userId);
  query.set("name", name);
  if (picture) query.set("picture", picture);
  return `?${query}${location.hash}`;
}

/** What the address asks for is taken out of it, and holds from here on. */
function load(): Identity {
  const query = new URLSearchParams(location.search);
  if (!query.has("as") && !query.has("name")) return recall() ?? somebody();
  const asked = {
    userId: query.get("as") || somebody().userId,
    name: fitBytes(query.get("name") ?? "", NAME_BYTES) || suggestName(),
    picture: pictureAddress(query.get("picture")) ?? "",
  };
  for (const key of ["as", "name", "picture"]) query.delete(key);
  const rest = query.size ? `?${query}` : "";
  history.replaceState(null, "", `${location.pathname}${rest}${location.hash}`);
  return asked;
}

function somebody(): Identity {
  return { userId: randomId(), name: suggestName(), picture: "" };
}

function keep(next: Identity) {
  current = next;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Storage switched off: a reload is then somebody new.
  }
  for (const listener of listeners) listener();
}

function recall(): Identity | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** `crypto.randomUUID` is missing on plain http beyond localhost. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `guest-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
