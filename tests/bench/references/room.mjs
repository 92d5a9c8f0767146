// What the references in JavaScript share: who is in a room, and what is said of it.

const PING_INTERVAL_MS = 10_000;

export class Room {
  seq = 0;
  entries = new Map(); // by socket

  // `broadcast` says a text to all that are in the room.
  constructor(broadcast) {
    this.broadcast = broadcast;
  }

  join(socket, { sub: userId, name, picture, role = "commenter", exp }, connectionId) {
    const joinedAt = Date.now();
    const expiresIn = exp * 1000 - joinedAt;
    const limits = { observe: false, expiresIn, pingInterval: PING_INTERVAL_MS };
    say(socket, { type: "welcome", version: 1, userId, connectionId, role, ...limits });
    const profile = { userId, userName: name ?? userId, userImage: picture ?? null };
    const entry = { ...profile, currentPath: "", status: "online", role, joinedAt };
    this.tell({ type: "user_joined", ...entry, seq: ++this.seq });
    this.entries.set(socket, entry);
    say(socket, { type: "presence_snapshot", users: [...this.entries.values()], seq: this.seq });
  }

  take(socket, text) {
    const message = JSON.parse(text);
    if (message.type === "presence_update") this.update(socket, message);
    else if (message.type === "cursor_update") this.moveCursor(socket, message.cursor);
    else if (message.type === "ping") say(socket, { type: "pong" });
  }

  update(socket, message) {
    const { userId, userName, userImage, status, role, joinedAt } = this.entries.get(socket);
    const entry = { userId, userName, userImage, status, role, joinedAt, ...location(message) };
    this.entries.set(socket, entry);
    this.tell({ type: "presence_changed", ...entry, seq: ++this.seq });
  }

  moveCursor(socket, cursor) {
    const entry = this.entries.get(socket);
    entry.cursor = cursor ?? undefined;
    this.tell({ type: "cursor_changed", userId: entry.userId, cursor: cursor ?? null });
  }

  leave(socket, reason) {
    const { userId } = this.entries.get(socket);
    this.entries.delete(socket);
    this.tell({ type: "user_left", userId, reason, seq: ++this.seq });
  }

  tell(event) {
    this.broadcast(JSON.stringify(event));
  }
}

// The rooms that somebody is in. `broadcast` says a text to all that are in a room.
export class Rooms extends Map {
  constructor(broadcast) {
    super();
    this.broadcast = broadcast;
  }

  join(name, socket, claims, connectionId) {
    if (!this.has(name)) this.set(name, new Room((text) => this.broadcast(name, text)));
    this.get(name).join(socket, claims, connectionId);
  }

  leave(name, socket, code) {
    const room = this.get(name);
    room.leave(socket, reasonOf(code));
    if (room.entries.size === 0) this.delete(name);
  }
}

// Why somebody left whose connection ended with a code: 1006 stands for none.
export function reasonOf(code) {
  return code === 1006 ? "timeout" : "closed";
}

// What a client asks for: the room, and what it says of itself.
export function addressed(target) {
  const { pathname, searchParams } = new URL(target, "http://localhost");
  const [, party, kind, room] = pathname.split("/");
  if (party !== "parties" || kind !== "presence" || !room) return {};
  return { room, connectionId: searchParams.get("_pk"), token: searchParams.get("token") ?? "" };
}

function say(socket, message) {
  socket.send(JSON.stringify(message));
}

// What is null is left out, as JSON.stringify leaves out what is undefined.
function location(message) {
  return {
    currentPath: message.currentPath,
    resourceType: message.resourceType ?? undefined,
    resourceId: message.resourceId ?? undefined,
    versionId: message.versionId ?? undefined,
    activity: message.activity ?? undefined,
    following: message.following ?? undefined,
    data: message.data ?? undefined,
  };
}
