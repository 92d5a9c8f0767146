/**
 * The room as this window knows it: a pure function of the messages received.
 *
 * No socket, no clock, no document may enter this file. Members live in a Map, because a user id
 * such as "__proto__" is a key of any plain object.
 *
 * @typedef {object} Member
 * @property {string} userId
 * @property {string} userName
 * @property {string | null} userImage
 * @property {string} currentPath
 * @property {"online" | "away"} status
 * @property {string} [following]
 * @property {{x?: unknown, y?: unknown}} [cursor]
 * @property {number} joinedAt
 *
 * @typedef {object} Room
 * @property {ReadonlyMap<string, Member>} members
 * @property {number | null} seq  the last event included; null until the first snapshot
 * @property {boolean} gap  an event is missing: nothing counts until the next snapshot
 */

/** @type {Readonly<Room>} */
export const emptyRoom = Object.freeze({ members: new Map(), seq: null, gap: false });

/**
 * The room after one message. The same object comes back when the message changes nothing.
 * When `gap` turns true, the caller must send one `resync`, and another if 5 s bring no snapshot.
 *
 * @param {Room} room
 * @param {any} message
 * @returns {Room}
 */
export function reduce(room, message) {
  switch (message.type) {
    case "welcome": // a new connection numbers its events anew; the old members stay as last known
      return { members: room.members, seq: null, gap: false };
    case "presence_snapshot": // replaces everything: merging would keep those who left meanwhile
      return {
        members: new Map(message.users.map((entry) => [entry.userId, entry])),
        seq: message.seq,
        gap: false,
      };
    case "user_joined":
    case "presence_changed":
      return numbered(room, message.seq, (members) => members.set(message.userId, entryOf(message)));
    case "user_left":
      return numbered(room, message.seq, (members) => members.delete(message.userId));
    case "cursor_changed":
      return moved(room, message.userId, message.cursor);
    default: // replies, and types of a later version
      return room;
  }
}

/**
 * @param {Room} room
 * @param {number} seq
 * @param {(members: Map<string, Member>) => void} change
 * @returns {Room}
 */
function numbered(room, seq, change) {
  if (room.seq === null || room.gap || seq <= room.seq) return room;
  if (seq > room.seq + 1) return { ...room, gap: true };
  const members = new Map(room.members);
  change(members);
  return { members, seq, gap: false };
}

/**
 * @param {Room} room
 * @param {string} userId
 * @param {object | null} cursor
 * @returns {Room}
 */
function moved(room, userId, cursor) {
  const member = room.members.get(userId);
  if (room.seq === null || room.gap || !member) return room;
  const { cursor: _, ...rest } = member;
  const members = new Map(room.members);
  members.set(userId, cursor ? { ...rest, cursor } : rest);
  return { ...room, members };
}

/** @returns {Member} */
function entryOf({ type: _type, seq: _seq, ...entry }) {
  return entry;
}
