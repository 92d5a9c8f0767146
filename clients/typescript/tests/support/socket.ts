/** A WebSocket that does what a test says: it drops, stalls and delays when it is told to. */

import type { Message } from "../../src/room.ts";

export interface Sent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export class FakeSocket extends EventTarget {
  /** Every socket that was dialled, in order. Emptied by `forget`. */
  static all: FakeSocket[] = [];
  /** Called for each dial, so that a server may answer by itself. */
  static onDial: (socket: FakeSocket) => void = () => {};

  readonly url: string;
  readonly sent: Sent[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  /** With what the client closed it. */
  closedWith: { code: number; reason: string | undefined } | null = null;
  /** What the server does about a message; a dead one does nothing. */
  onSend: (message: Sent) => void = ({ type }) => type === "ping" && this.say({ type: "pong" });

  constructor(url: string) {
    super();
    this.url = url;
    FakeSocket.all.push(this);
    FakeSocket.onDial(this);
  }

  static forget() {
    FakeSocket.all = [];
    FakeSocket.onDial = () => {};
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error("nobody has dialled");
    return socket;
  }

  get query() {
    return Object.fromEntries(new URL(this.url).searchParams);
  }

  send(text: string) {
    if (this.readyState !== 1) throw new Error("send on a socket that is not open");
    const message = JSON.parse(text) as Sent;
    this.sent.push(message);
    this.onSend(message);
  }

  close(code = 1000, reason?: string) {
    if (this.readyState >= 2) return;
    this.readyState = 3;
    this.closedWith = { code, reason };
  }

  // What the network and the server do.

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  say(...messages: Message[]) {
    for (const message of messages) {
      if (this.readyState !== 1) return;
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
    }
  }

  /** The server's Close, or with 1006 the loss of the connection. */
  shut(code: number, reason = "") {
    if (this.readyState === 3) return;
    this.readyState = 3;
    const event = Object.assign(new Event("close"), { code, reason, wasClean: code !== 1006 });
    this.dispatchEvent(event);
  }

  /** Lets the client in, into a room with these. */
  welcome(userId: string, users: Message[] = [], more: Message = {}) {
    this.open();
    this.say(
      {
        type: "welcome",
        version: 1,
        userId,
        connectionId: "c",
        role: "commenter",
        observe: false,
        expiresIn: 3_600_000,
        pingInterval: 10_000,
        ...more,
      },
      { type: "presence_snapshot", users, seq: users.length },
    );
  }

  /** From here on nothing comes and nobody tells. */
  die() {
    this.onSend = () => {};
  }

  /** What was sent, without pings; forgotten thereafter. */
  take(): Sent[] {
    return this.sent.splice(0).filter(({ type }) => type !== "ping");
  }
}

export function entry(userId: string, more: Message = {}): Message {
  return {
    userId,
    userName: userId.toUpperCase(),
    userImage: null,
    currentPath: "/",
    status: "online",
    role: "commenter",
    joinedAt: 0,
    ...more,
  };
}

export const joined = (seq: number, userId: string, more: Message = {}): Message => ({
  type: "user_joined",
  ...entry(userId, more),
  seq,
});

export const changed = (seq: number, userId: string, more: Message = {}): Message => ({
  type: "presence_changed",
  ...entry(userId, more),
  seq,
});

export const left = (seq: number, userId: string): Message => ({
  type: "user_left",
  userId,
  reason: "closed",
  seq,
});

export const cursor = (userId: string, at: Message): Message => ({
  type: "cursor_changed",
  userId,
  cursor: at,
});
