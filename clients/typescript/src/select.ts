/** Views of a snapshot. */

import { PLACE } from "./follow.ts";
import type { Entry, Place, Snapshot } from "./types.ts";

/** What is asked for of a place; what is left out may be anything. */
export type Resource = Partial<Place>;

/** Whether somebody is there. */
export const isAt = (place: Place, resource: Resource) =>
  PLACE.every((field) => resource[field] === undefined || resource[field] === place[field]);

interface Others {
  readonly myId: string | undefined;
  readonly entries: readonly Entry<unknown>[];
}

/** Found once for a map, however many components ask; a map never changes. */
const others = /* @__PURE__ */ new WeakMap<object, Others>();

/** Everybody but oneself, in the order in which the room told of them. */
export function othersOf<Data>({ members, me }: Snapshot<Data, unknown>): readonly Entry<Data>[] {
  const myId = me?.userId;
  let known = others.get(members);
  if (!known || known.myId !== myId) {
    known = { myId, entries: [...members.values()].filter(({ userId }) => userId !== myId) };
    others.set(members, known);
  }
  return known.entries as Entry<Data>[];
}

/** Everybody at a place, oneself included. */
export const membersAt = <Data>({ members }: Snapshot<Data, unknown>, resource: Resource) =>
  [...members.values()].filter((entry) => isAt(entry, resource));

/** Those who follow oneself. */
export const followersOf = <Data>(snapshot: Snapshot<Data, unknown>): readonly Entry<Data>[] =>
  othersOf(snapshot).filter(({ following }) => following && following === snapshot.me?.userId);

/** Somebody's cursor, and who it belongs to. */
export interface MemberCursor<Data, Cursor> {
  readonly member: Entry<Data>;
  readonly cursor: Cursor;
}

/** The others' cursors at a place. */
export function cursorsAt<Data, Cursor>(
  { members, cursors, me }: Snapshot<Data, Cursor>,
  resource: Resource = {},
): readonly MemberCursor<Data, Cursor>[] {
  return [...cursors].flatMap(([userId, cursor]) => {
    const member = members.get(userId);
    return member && userId !== me?.userId && isAt(member, resource) ? [{ member, cursor }] : [];
  });
}

/** What happened to the others from one snapshot to another. */
export interface Changes<Data> {
  readonly joined: readonly Entry<Data>[];
  readonly changed: readonly Entry<Data>[];
  readonly left: readonly Entry<Data>[];
}

/** Who came, changed and went, oneself aside. All who are there at first have come. */
export function changesBetween<Data>(
  before: Snapshot<Data, unknown>,
  after: Snapshot<Data, unknown>,
): Changes<Data> {
  const now = othersOf(after);
  const known = (entry: Entry<Data>) => before.members.get(entry.userId);
  return {
    joined: now.filter((entry) => !known(entry)),
    changed: now.filter((entry) => known(entry) && known(entry) !== entry),
    left: othersOf(before).filter(({ userId }) => !after.members.has(userId)),
  };
}
