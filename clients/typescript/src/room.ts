/**
 * What this client knows of the room: a pure reducer.
 *
 * No socket, no clock, no document may enter this file; time comes in as an argument. Everything
 * that decides whether an event counts is here and nowhere else.
 */

import type { Entry } from "./types.ts";

const RESYNC_AGAIN_MS = 5_000;

export interface Room<Data, Cursor> {
  readonly members: ReadonlyMap<string, Entry<Data>>;
  readonly cursors: ReadonlyMap<string, Cursor>;
  /** The number of the last event included; null before the first snapshot. */
  readonly seq: number | null;
  /** False from a welcome, or a gap, to the snapshot that follows: events don't count then. */
  readonly live: boolean;
  /** When to ask for a snapshot, in the time that `reduce` is told; null while none is wanted. */
  readonly resyncAt: number | null;
}

// biome-ignore lint/suspicious/noExplicitAny: what is not known before it is read
type Any = any;

/** Whatever the server may say. */
export type Message = Any;

export const emptyRoom: Room<Any, Any> = {
  members: new Map(),
  cursors: new Map(),
  seq: null,
  live: false,
  resyncAt: null,
};

/**
 * The room after some messages; the same object where they change nothing. A map in it is a new one
 * if anything in it changed, copied once for all the messages: hand over as many as there are.
 *
 * While `resyncAt` is not null you must send a `resync` at that time, and say so with `resynced`.
 */
export function reduce<Data, Cursor>(
  room: Room<Data, Cursor>,
  messages: readonly Message[],
  now: number,
): Room<Data, Cursor> {
  let { members, cursors, seq, live, resyncAt } = room;

  const write = () => {
    if (members === room.members) members = new Map(members);
    return members as Map<string, Entry<Data>>;
  };
  const point = (userId: string, cursor?: Cursor | null) => {
    if (!cursor && !cursors.has(userId)) return;
    if (cursors === room.cursors) cursors = new Map(cursors);
    const map = cursors as Map<string, Cursor>;
    if (cursor) map.set(userId, cursor);
    else map.delete(userId);
  };
  const put = ({ type: _type, seq: _seq, cursor, ...entry }: Message) => {
    const known = room.members.get(entry.userId);
    const isSame = JSON.stringify(known) === JSON.stringify(entry);
    write().set(entry.userId, isSame ? known : entry);
    point(entry.userId, cursor);
  };

  for (const message of messages) {
    const { type, userId } = message;
    if (type === "welcome") {
      live = false;
      resyncAt = null;
    } else if (type === "presence_snapshot") {
      members = new Map();
      cursors = new Map();
      message.users.forEach(put);
      seq = message.seq;
      live = true;
      resyncAt = null;
    } else if (!live) {
      // The snapshot to come has it.
    } else if (type === "cursor_changed") {
      if (members.has(userId)) point(userId, message.cursor);
    } else if (message.seq > seq! && /^(user_(joined|left)|presence_changed)$/.test(type)) {
      if (message.seq > seq! + 1) {
        live = false;
        resyncAt = now;
        continue;
      }
      seq = message.seq;
      if (type !== "user_left") put(message);
      else if (members.has(userId)) {
        write().delete(userId);
        point(userId);
      }
    }
  }
  const next = { members, cursors, seq, live, resyncAt };
  return (Object.keys(next) as (keyof typeof next)[]).some((key) => next[key] !== room[key])
    ? next
    : room;
}

/** The room after a `resync` was sent: where no snapshot comes, the next is due in 5 s. */
export const resynced = <Data, Cursor>(
  room: Room<Data, Cursor>,
  now: number,
): Room<Data, Cursor> => ({ ...room, resyncAt: now + RESYNC_AGAIN_MS });
