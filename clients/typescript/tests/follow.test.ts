import { afterEach, describe, expect, test, vi } from "vitest";
import { leaderOf } from "../src/follow.ts";
import { followersOf, type Presence } from "../src/index.ts";
import type { Message } from "../src/room.ts";
import { dial, enter, fakePage, input, pass } from "./support/page.ts";
import { gather, type Visitor } from "./support/room.ts";
import { changed, entry, FakeSocket, joined, left } from "./support/socket.ts";

fakePage();

const ME = entry("me");
const ANN = entry("ann", { currentPath: "/ann" });
const BOB = entry("bob", { currentPath: "/bob" });

/** Follows ann, on a page that goes where it is told to, and is there a moment later. */
async function followAnn(users = [ME, ANN, BOB]) {
  const { presence, socket } = await enter(users);
  const went: string[] = [];
  presence.update({ currentPath: "/" });
  presence.onNavigate((path) => {
    went.push(path);
    setTimeout(() => presence.update({ currentPath: path }), 50);
  });
  presence.follow("ann");
  await pass(100);
  return { presence, socket, went: () => went.splice(0) };
}

const whom = (presence: Presence<Message, Message>) =>
  presence.getSnapshot().following?.userId ?? null;

describe("the leader of a chain", () => {
  const members = (following: Record<string, string | undefined>) =>
    new Map(Object.entries(following).map(([id, it]) => [id, entry(id, it && { following: it })]));
  const leader = (userId: string, following: Record<string, string | undefined>) =>
    leaderOf(userId, members(following), "me")?.userId;

  test.each<[string, Record<string, string | undefined>, string | undefined]>([
    ["is the followed one", { ann: undefined }, "ann"],
    ["is whom that one follows", { ann: "bob", bob: "cat", cat: undefined }, "cat"],
    ["is the last who is here", { ann: "bob", bob: "gone" }, "bob"],
    ["is nobody where the followed one is not here", { bob: undefined }, undefined],
    ["is the least of a circle", { ann: "cat", cat: "bob", bob: "ann" }, "ann"],
    ["is the least of a circle further on", { ann: "dan", dan: "cat", cat: "dan" }, "cat"],
    ["may be oneself, who then stays", { ann: "zoe", zoe: "me", me: undefined }, "ann"],
    ["is oneself where that is the least", { zoe: "me", me: undefined }, "me"],
    ["is one who follows themselves", { ann: "ann" }, "ann"],
  ])("%s", (_name, following, expected) => {
    const from = "ann" in following ? "ann" : "zoe" in following ? "zoe" : "ann";
    expect(leader(from, following)).toBe(expected);
  });
});

describe("following", () => {
  test("goes where the leader is, and where the leader goes", async () => {
    const { presence, socket, went } = await followAnn();
    expect(went()).toEqual(["/ann"]);
    socket.say(changed(4, "ann", { currentPath: "/next" }));
    await pass(100);
    expect(went()).toEqual(["/next"]);
    expect(whom(presence)).toBe("ann");
  });

  test("goes nowhere for what else the leader does, or where it is already", async () => {
    const { socket, went } = await followAnn();
    went();
    socket.say(changed(4, "ann", { currentPath: "/ann", activity: "typing" }));
    socket.say(changed(5, "bob", { currentPath: "/elsewhere" }));
    socket.say(changed(6, "ann", { currentPath: "" }));
    socket.say(changed(7, "ann", { currentPath: "/ann", status: "away" }));
    await pass(100);
    expect(went()).toEqual([]);
  });

  test("goes along from one resource to another on the same path", async () => {
    const { presence, socket } = await followAnn();
    const places: unknown[] = [];
    presence.onNavigate((path, { resourceId }) => places.push([path, resourceId]));
    socket.say(changed(4, "ann", { currentPath: "/ann", resourceType: "doc", resourceId: "7" }));
    await pass(100);
    expect(places).toEqual([["/ann", "7"]]);
  });

  test("is seen by the leader", async () => {
    const { socket } = await followAnn();
    const last = socket
      .take()
      .filter(({ type }) => type === "presence_update")
      .at(-1);
    expect(last).toMatchObject({ currentPath: "/ann", following: "ann" });
    const { presence } = await enter([ME, entry("ann", { following: "me" }), BOB]);
    expect(followersOf(presence.getSnapshot()).map(({ userId }) => userId)).toEqual(["ann"]);
  });

  test("begins where no page was told yet", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    socket.take();
    presence.follow("ann");
    await pass();
    expect(socket.take()[0]).toMatchObject({ currentPath: "", following: "ann" });
  });

  test("waits for somebody who can navigate", async () => {
    const { presence } = await enter([ME, ANN]);
    presence.follow("ann");
    const navigate = vi.fn();
    presence.onNavigate(navigate);
    await pass();
    expect(navigate).toHaveBeenCalledExactlyOnceWith("/ann", ANN);
  });

  test("asks the latest of several who can navigate, and no more once that one is gone", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    const [first, second] = [vi.fn(), vi.fn()];
    presence.onNavigate(first);
    const stop = presence.onNavigate(second);
    presence.follow("ann");
    await pass();
    stop();
    stop();
    socket.say(changed(3, "ann", { currentPath: "/next" }));
    await pass(100);
    expect([first, second].map((it) => it.mock.calls.map(([path]) => path))).toEqual([
      ["/next"],
      ["/ann"],
    ]);
  });

  test("oneself is nothing, before one knows who one is too", async () => {
    const { presence } = await enter([ME]);
    presence.follow("me");
    expect(whom(presence)).toBeNull();
    const later = await dial();
    later.follow("me");
    FakeSocket.last.welcome("me", [ME]);
    await pass();
    expect(whom(later)).toBeNull();
    expect(FakeSocket.last.take()[0]).not.toHaveProperty("following");
  });

  test("a page that can't navigate is no harm to others", async () => {
    const { presence } = await enter([ME, ANN]);
    const told = vi.fn();
    process.once("uncaughtException", told);
    presence.onNavigate(() => {
      throw new Error("no such page");
    });
    presence.follow("ann");
    await pass();
    expect(whom(presence)).toBe("ann");
    expect(told).toHaveBeenCalledOnce();
  });

  test("that ends with the leader's return goes nowhere", async () => {
    const { presence, socket, went } = await followAnn();
    went();
    socket.say(left(4, "ann"));
    await pass(1000);
    presence.subscribe(() => {
      if (presence.getSnapshot().following?.isHere) presence.follow(null);
    });
    socket.say(joined(5, "ann", { currentPath: "/elsewhere" }));
    await pass(100);
    expect([whom(presence), went()]).toEqual([null, []]);
  });
});

describe("following ends", () => {
  test("with a move of one's own", async () => {
    const { presence, socket, went } = await followAnn();
    went();
    presence.update({ currentPath: "/mine" });
    await pass();
    expect(whom(presence)).toBeNull();
    const said = socket.take().at(-1);
    expect(said).toMatchObject({ currentPath: "/mine" });
    expect(said).not.toHaveProperty("following");
    socket.say(changed(4, "ann", { currentPath: "/next" }));
    expect(went()).toEqual([]);
  });

  test("not with moves that it asked for itself, however late they are made", async () => {
    const { presence, socket, went } = await followAnn();
    for (const [at, path] of ["/1", "/2", "/3"].entries()) {
      socket.say(changed(4 + at, "ann", { currentPath: path }));
      await pass(20);
    }
    await pass(100);
    expect(went()).toEqual(["/ann", "/1", "/2", "/3"]);
    expect(whom(presence)).toBe("ann");
  });

  test("not with what one does on the same page", async () => {
    const { presence } = await followAnn();
    presence.update({ currentPath: "/ann", activity: "reading", resourceId: "7" });
    expect(whom(presence)).toBe("ann");
  });

  test.each(["pointerdown", "wheel", "touchmove", "keydown"])("with %s", async (type) => {
    const { presence } = await followAnn();
    input(type, { key: "x" });
    expect(whom(presence)).toBeNull();
  });

  test.each([
    ["moving the pointer", "pointermove", {}],
    ["Shift alone", "keydown", { key: "Shift" }],
    ["Tab", "keydown", { key: "Tab" }],
    ["AltGr", "keydown", { key: "AltGraph" }],
    ["F11", "keydown", { key: "F11" }],
    ["scrolling by script", "scroll", {}],
  ])("not with %s", async (_name, type, more) => {
    const { presence } = await followAnn();
    input(type, more);
    expect(whom(presence)).toBe("ann");
  });

  test("not with a click on what steers it", async () => {
    const { presence } = await followAnn();
    document.body.innerHTML = `<div data-keep-following><button>Unfollow</button></div>`;
    input("pointerdown", {}, document.querySelector("button")!);
    expect(whom(presence)).toBe("ann");
  });

  test("with no input where the application wants it so", async () => {
    const { presence } = await enter([ME, ANN], { stopFollowingOn: [] });
    presence.follow("ann");
    input("pointerdown");
    expect(whom(presence)).toBe("ann");
  });
});

describe("the leader is gone", () => {
  test("for a moment: following goes on", async () => {
    const { presence, socket, went } = await followAnn();
    went();
    socket.say(left(4, "ann"));
    await pass(9000);
    expect(presence.getSnapshot().following).toEqual({
      userId: "ann",
      userName: "ANN",
      isHere: false,
    });
    socket.say(joined(5, "ann", { currentPath: "" }));
    await pass(5000);
    expect(presence.getSnapshot().following?.isHere).toBe(true);
    expect(went()).toEqual([]);
    socket.say(changed(6, "ann", { currentPath: "/after" }));
    await pass(100);
    expect(went()).toEqual(["/after"]);
  });

  test("for good: that is said, with the name, until somebody is followed again", async () => {
    const { presence, socket } = await followAnn();
    socket.say(left(4, "ann"));
    await pass(10_000);
    const { following, lost } = presence.getSnapshot();
    expect(following).toBeNull();
    expect(lost).toMatchObject({ userId: "ann", userName: "ANN" });
    expect(socket.take().at(-1)).not.toHaveProperty("following");
    presence.follow("bob");
    expect(presence.getSnapshot().lost).toBeNull();
  });

  test("as far as one can tell while offline oneself: the grace begins with the return", async () => {
    const { presence, socket } = await followAnn();
    socket.say(left(4, "ann"));
    await pass(5000);
    socket.shut(1006);
    await pass(1000);
    const next = FakeSocket.last;
    await pass(3000);
    next.welcome("me", [ME, BOB]);
    await pass(9000);
    expect(whom(presence)).toBe("ann");
    await pass(1000);
    expect(whom(presence)).toBeNull();
  });

  test("one's own blip is none of the leader's", async () => {
    const { presence, socket, went } = await followAnn();
    went();
    socket.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me", [ME, entry("ann", { currentPath: "/moved" })]);
    await pass(100);
    expect(went()).toEqual(["/moved"]);
    expect(FakeSocket.last.take()[0]).toMatchObject({ following: "ann" });
    expect(whom(presence)).toBe("ann");
  });

  test("from one tab and back, faster than the page can go: it ends where the leader is", async () => {
    const { presence, socket, went } = await followAnn();
    went();
    socket.say(changed(4, "ann", { currentPath: "/other-tab" }));
    await pass(20);
    socket.say(changed(5, "ann", { currentPath: "/ann" }));
    await pass(200);
    expect(went()).toEqual(["/other-tab", "/ann"]);
    expect(whom(presence)).toBe("ann");
  });
});

describe("several who follow each other", () => {
  const visitors: Visitor[] = [];
  afterEach(() => {
    for (const { presence } of visitors.splice(0)) presence.close();
  });

  async function meet(...latencies: number[]) {
    const met = await gather(...latencies);
    visitors.push(...met.visitors);
    return met;
  }

  test("a chain goes where its head goes, all in one step", async () => {
    const { visitors } = await meet(10, 20, 30);
    const [a, b, c] = visitors as [Visitor, Visitor, Visitor];
    c.presence.follow("b");
    b.presence.follow("a");
    await pass(1000);
    a.go("/x");
    await pass(1000);
    expect([b.navigated, c.navigated]).toEqual([["/x"], ["/x"]]);
  });

  test("two who begin in the same moment meet, and stay", async () => {
    const { visitors } = await meet(40, 40);
    const [a, b] = visitors as [Visitor, Visitor];
    a.go("/left");
    b.go("/right");
    await pass(1000);
    a.presence.follow("b");
    b.presence.follow("a");
    await pass(5000);
    expect(a.path).toBe(b.path);
    const moves = a.navigated.length + b.navigated.length;
    expect(moves).toBeLessThanOrEqual(3);
    await pass(60_000);
    expect(a.navigated.length + b.navigated.length).toBe(moves);
  });

  test("the leader's reload loses nobody", async () => {
    const { visitors } = await meet(10, 20);
    const [a, b] = visitors as [Visitor, Visitor];
    b.presence.follow("a");
    await pass(100);
    a.reload();
    await pass(3000);
    a.go("/after");
    await pass(1000);
    expect([b.following, b.path]).toEqual(["a", "/after"]);
  });

  test("whatever they do, all come to rest where those they follow are", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const chance = random(seed);
      const pick = <T>(from: readonly T[]) => from[Math.floor(chance() * from.length)]!;
      const { visitors } = await meet(...[0, 1, 2, 3].map(() => Math.floor(chance() * 90)));
      for (let step = 0; step < 12; step++) {
        const one = pick(visitors);
        const act = pick(["follow", "follow", "go", "go", "stop", "blip"]);
        if (act === "follow") one.presence.follow(pick(["a", "b", "c", "d"]));
        if (act === "go") one.go(pick(["/1", "/2", "/3"]));
        if (act === "stop") one.presence.follow(null);
        if (act === "blip" && one.presence.getSnapshot().status === "online") one.reload();
        await pass(Math.floor(chance() * 200));
      }
      await pass(20_000);
      const moves = visitors.map(({ navigated }) => navigated.length);
      for (const one of visitors) {
        const leader = visitors.find(
          (it) => it.presence.getSnapshot().me?.userId === one.following,
        );
        if (leader) expect([seed, one.path]).toEqual([seed, leader.path]);
      }
      await pass(30_000);
      expect(visitors.map(({ navigated }) => navigated.length)).toEqual(moves);
      for (const { presence } of visitors) presence.close();
      FakeSocket.forget();
    }
  });
});

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function random(seed: number) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
