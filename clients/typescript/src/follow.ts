/** Follow mode's arithmetic: pure, it reads the map that is held already. */

import type { Entry, Place } from "./types.ts";

/** What makes a place. */
export const PLACE = ["currentPath", "resourceType", "resourceId", "versionId"] as const;

export const samePlace = (a: Place | undefined, b: Place | undefined) =>
  PLACE.every((field) => a?.[field] === b?.[field]);

/**
 * Who leads whoever follows `userId`: the end of the chain of those who follow one another.
 *
 * In a circle nobody would be the end, and two who began to follow each other in the same moment
 * would swap places for ever. So the one with the smallest id leads there: it stays put, and the
 * others come. A follower of `userId` need not be in the map as such yet, so `myId` is said to
 * follow `userId` whatever the map says. Undefined where `userId` is not here.
 */
export function leaderOf<Data>(
  userId: string,
  members: ReadonlyMap<string, Entry<Data>>,
  myId: string | undefined,
): Entry<Data> | undefined {
  const chain = new Set<string>();
  let id = userId;
  while (!chain.has(id)) {
    chain.add(id);
    const next = id === myId ? userId : members.get(id)?.following;
    if (next === undefined || !members.has(next)) return members.get(id);
    id = next;
  }
  const all = [...chain];
  return members.get(all.slice(all.indexOf(id)).sort()[0]!);
}
