/** A room of several clients, each at a distance of its own: enough of a server for follow mode. */

import { vi } from "vitest";
import { connectPresence, type Presence } from "../../src/index.ts";
import type { Message } from "../../src/room.ts";
import { OPTIONS } from "./page.ts";
import { entry, FakeSocket, type Sent } from "./socket.ts";

export class Visitor {
  readonly presence: Presence<Message, Message>;
  readonly navigated: string[] = [];
  path = "/";
  readonly #room: FakeRoom;
  readonly #latency: number;

  /** The token says who it is and how far away. */
  constructor(room: FakeRoom, userId: string, latency: number) {
    this.#room = room;
    this.#latency = latency;
    this.presence = connectPresence({ ...OPTIONS, token: () => `${userId}.${latency}` });
    this.presence.onNavigate((path) => {
      this.navigated.push(path);
      setTimeout(() => this.go(path), this.#latency); // as routers do: a little later
    });
    this.presence.update({ currentPath: this.path });
  }

  go(path: string) {
    this.path = path;
    this.presence.update({ currentPath: path });
  }

  get following() {
    return this.presence.getSnapshot().following?.userId ?? null;
  }

  reload() {
    this.#room.lose(this.presence.getSnapshot().me!.userId);
  }
}

export class FakeRoom {
  #members = new Map<string, Message>();
  #sockets = new Map<string, { socket: FakeSocket; latency: number }>();
  #seq = 0;
  /** How many messages were told, to see when a room is at rest. */
  told = 0;

  constructor() {
    FakeSocket.onDial = (socket) => this.#admit(socket);
  }

  #admit(socket: FakeSocket) {
    const [userId, far] = socket.query.token!.split(".") as [string, string];
    const latency = Number(far);
    setTimeout(() => {
      this.#members.set(userId, entry(userId, { currentPath: "" }));
      this.#tell({ type: "user_joined", ...this.#members.get(userId) });
      this.#sockets.set(userId, { socket, latency });
      const users = [...this.#members.values()];
      socket.open();
      socket.say({ type: "welcome", userId });
      socket.say({ type: "presence_snapshot", users, seq: this.#seq });
      socket.onSend = (message) => setTimeout(() => this.#hear(userId, message), latency);
    }, latency);
  }

  lose(userId: string) {
    const { socket } = this.#sockets.get(userId)!;
    this.#sockets.delete(userId);
    this.#members.delete(userId);
    this.#tell({ type: "user_left", userId, reason: "timeout" });
    socket.shut(1006);
  }

  #hear(userId: string, { type, idleMs: _, ...fields }: Sent) {
    const before = this.#members.get(userId);
    if (type === "ping") this.#sockets.get(userId)?.socket.say({ type: "pong" });
    if (type !== "presence_update" || !before) return;
    const { currentPath: _path, following: _following, ...identity } = before;
    const after = { ...identity, ...fields };
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    this.#members.set(userId, after);
    this.#tell({ type: "presence_changed", ...after });
  }

  #tell(event: Message) {
    this.#seq += 1;
    this.told += 1;
    const message = { ...event, seq: this.#seq };
    for (const { socket, latency } of this.#sockets.values()) {
      setTimeout(() => socket.say(message), latency);
    }
  }
}

/** A room with as many visitors as there are latencies, all inside: "a", "b", "c"… */
export async function gather(...latencies: number[]) {
  const room = new FakeRoom();
  const visitors: Visitor[] = [];
  for (const [at, latency] of latencies.entries()) {
    visitors.push(new Visitor(room, "abcdefgh"[at]!, latency));
    await vi.advanceTimersByTimeAsync(1000);
  }
  return { room, visitors };
}
