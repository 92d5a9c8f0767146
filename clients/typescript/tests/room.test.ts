import { describe, expect, test } from "vitest";
import { emptyRoom, type Message, type Room, reduce, resynced } from "../src/room.ts";
import { expand, scenarios, vectors, whole, wholeEntry } from "./support/protocol.ts";

type AnyRoom = Room<Message, Message>;

/** The room as the protocol's files write it: the cursor in the entry. */
const mapOf = ({ members, cursors }: AnyRoom) =>
  new Map(
    [...members].map(([id, entry]) => {
      const cursor = cursors.get(id);
      return [id, cursor === undefined ? entry : { ...entry, cursor }];
    }),
  );

/** Plays messages one by one; `{after}` lets time pass, and a resync that is due is sent. */
function play(messages: Message[]) {
  let room: AnyRoom = emptyRoom;
  let now = 0;
  const resyncs: number[] = [];
  const ask = () => {
    if (room.resyncAt === null || room.resyncAt > now) return;
    resyncs.push(now);
    room = resynced(room, now);
  };
  for (const message of messages) {
    if ("after" in message) {
      for (const until = now + message.after; now < until; ) {
        now = Math.min(until, Math.max(room.resyncAt ?? until, now));
        ask();
      }
    } else room = reduce(room, [message], now);
    ask();
  }
  return { room, resyncs };
}

describe("every sequence of the protocol's vectors", () => {
  test.each<Message>(vectors("server_messages").sequences)("$name", (vector) => {
    const { room, resyncs } = play(vector.receives);
    expect(mapOf(room)).toEqual(new Map(Object.entries(vector.map)));
    expect(room.seq).toBe(vector.seq);
    expect(room.resyncAt !== null).toBe(vector.wantsResync);
    if ("resyncs" in vector) expect(resyncs).toEqual(vector.resyncs);
  });
});

test("every message that a server says has its type known or ignored", () => {
  const { messages } = vectors("server_messages");
  expect(messages.length).toBeGreaterThan(10);
  for (const { message } of messages) expect(() => reduce(emptyRoom, [message], 0)).not.toThrow();
});

/** What each client of a scenario got, until it was lost. */
function heard(scenario: Message) {
  const all = new Map<string, Message[]>();
  const ended = new Set<string>();
  for (const step of scenario.steps) {
    if (step.members === "count") ended.add(step.client); // it has no map
    if (["close", "vanish", "silence", "stall"].includes(step.do)) ended.add(step.client);
    if (step.do === "read") ended.delete(step.client);
    if (!("expect" in step)) continue;
    const messages = all.get(step.expect) ?? [];
    all.set(step.expect, [...messages, ...expand(step.messages).map(whole)]);
    if ("closed" in step) ended.add(step.expect);
  }
  return [...all].map(([name, messages]) => ({ name, messages, isThere: !ended.has(name) }));
}

describe("every scenario of the protocol leaves its clients with the room's map", () => {
  test.each(scenarios())("%s", (_name, scenario) => {
    const last = Object.entries<Message>(expand(scenario.steps.at(-1).map));
    const map = new Map(last.map(([userId, one]) => [userId, wholeEntry({ userId, ...one })]));
    for (const { messages, isThere } of heard(scenario)) {
      const { room, resyncs } = play(messages);
      expect(resyncs).toEqual([]);
      if (isThere) expect(mapOf(room)).toEqual(map);
    }
  });
});

test("messages taken in together make the same room as one by one, wherever they are split", () => {
  for (const [, scenario] of scenarios()) {
    for (const { messages } of heard(scenario)) {
      const { room } = play(messages);
      for (let split = 0; split <= messages.length; split++) {
        const first: AnyRoom = reduce(emptyRoom, messages.slice(0, split), 0);
        expect(reduce(first, messages.slice(split), 0)).toEqual(room);
      }
    }
  }
});

describe("what did not change stays the same object", () => {
  const snapshot = {
    type: "presence_snapshot",
    users: [
      { userId: "ann", currentPath: "/", cursor: { x: 1 } },
      { userId: "bob", currentPath: "/" },
    ],
    seq: 2,
  };
  const room: AnyRoom = reduce(emptyRoom, [{ type: "welcome" }, snapshot], 0);

  test("a cursor leaves the members alone", () => {
    const moved = reduce(room, [{ type: "cursor_changed", userId: "ann", cursor: { x: 2 } }], 0);
    expect(moved.cursors.get("ann")).toEqual({ x: 2 });
    expect(moved.members).toBe(room.members);
    expect(room.cursors.get("ann")).toEqual({ x: 1 });
  });

  test("a snapshot leaves those alone who are as they were", () => {
    const { users } = structuredClone(snapshot);
    users[1]!.currentPath = "/moved";
    const next = reduce(room, [{ type: "welcome" }, { ...snapshot, users, seq: 9 }], 0);
    expect(next.members.get("ann")).toBe(room.members.get("ann"));
    expect(next.members.get("bob")).toEqual({ userId: "bob", currentPath: "/moved" });
  });

  test("a change leaves the other entries and the cursors alone", () => {
    const change = { type: "presence_changed", userId: "bob", currentPath: "/b", seq: 3 };
    const next = reduce(room, [change], 0);
    expect(next.members.get("ann")).toBe(room.members.get("ann"));
    expect(next.cursors).toBe(room.cursors);
    expect(room.members.get("bob")).toEqual({ userId: "bob", currentPath: "/" });
  });

  test.each<Message>([
    { type: "pong" },
    { type: "user_left", userId: "ann", seq: 2 },
    { type: "cursor_changed", userId: "nobody", cursor: {} },
    { type: "a_type_of_tomorrow", seq: 3 },
    {},
  ])("%j is nothing", (message) => {
    expect(reduce(room, [message], 0)).toBe(room);
  });
});
