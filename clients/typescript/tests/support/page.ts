/** A page whose time, sockets and visibility a test controls. */

import { afterEach, beforeEach, vi } from "vitest";
import { connectPresence, type Presence, type PresenceOptions } from "../../src/index.ts";
import type { Message } from "../../src/room.ts";
import { FakeSocket } from "./socket.ts";

export const OPTIONS = { host: "presence.test", room: "presence-acme", WebSocket: FakeSocket };

const opened: Presence<Message, Message>[] = [];

/** To be called once in a file: time stands still but for `pass`, and chance falls as 1. */
export function fakePage() {
  beforeEach(() => {
    vi.useFakeTimers({ toNotFake: ["queueMicrotask", "nextTick"] });
    vi.spyOn(Math, "random").mockReturnValue(1);
    FakeSocket.forget();
  });
  afterEach(() => {
    for (const presence of opened.splice(0)) presence.close();
    show();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** Lets time pass, and everything happen that is due. */
export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** Dials, and waits until the socket is there. */
export async function dial(options: Partial<PresenceOptions> = {}) {
  let tokens = 0;
  const token = () => {
    tokens += 1;
    return `token-${tokens}`;
  };
  const presence = connectPresence<Message, Message>({
    ...OPTIONS,
    token,
    onError: () => {},
    ...options,
  });
  opened.push(presence);
  await pass();
  return presence;
}

/** Dials and is let in, into a room with these. */
export async function enter(users: Message[] = [], options: Partial<PresenceOptions> = {}) {
  const presence = await dial(options);
  const socket = FakeSocket.last;
  socket.welcome("me", users);
  await pass();
  return { presence, socket };
}

const turn = (isHidden: boolean) => {
  vi.spyOn(document, "hidden", "get").mockReturnValue(isHidden);
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
};
export const hide = () => turn(true);
export const show = () => turn(false);

export const input = (
  type = "pointerdown",
  more: object = {},
  target: EventTarget = document.body,
) => target.dispatchEvent(Object.assign(new Event(type, { bubbles: true }), more));
