import { describe, expect, test, vi } from "vitest";
import { createPresence } from "../src/index.ts";
import type { Message } from "../src/room.ts";
import { dial, enter, fakePage, hide, input, OPTIONS, pass, show } from "./support/page.ts";
import { vectors } from "./support/protocol.ts";
import { changed, cursor, entry, FakeSocket, joined, left } from "./support/socket.ts";

fakePage();

const dials = () => FakeSocket.all.length;
const ME = entry("me");
const ANN = entry("ann");

describe("dialling", () => {
  test("goes to the room's address, as the same connection each time, with a fresh token", async () => {
    await dial();
    const first = FakeSocket.last;
    expect(first.url).toMatch(/^wss:\/\/presence\.test\/parties\/presence\/presence-acme\?/);
    first.welcome("me");
    first.shut(1012);
    await pass(3000);
    expect(dials()).toBe(2);
    expect(FakeSocket.last.query._pk).toBe(first.query._pk);
    expect([first, FakeSocket.last].map(({ query }) => query.token)).toEqual([
      "token-1",
      "token-2",
    ]);
  });

  test.each([
    ["presence.test", "wss://presence.test/"],
    ["wss://presence.test", "wss://presence.test/"],
    ["https://presence.test/", "wss://presence.test/"],
    ["ws://presence.test:81", "ws://presence.test:81/"],
    ["http://presence.test", "ws://presence.test/"],
    ["127.0.0.1:8787", "ws://127.0.0.1:8787/"],
  ])("%s is %s", async (host, address) => {
    await dial({ host });
    expect(FakeSocket.last.url.startsWith(`${address}parties/`)).toBe(true);
  });

  const addresses = vectors("addresses").filter((it: Message) => it.connectionId && it.token);
  test.each<Message>(addresses)("leads where the protocol has it: $name", async (vector) => {
    const { room, connectionId, token } = vector;
    await dial({ room, id: connectionId, token: () => token });
    const { pathname, searchParams } = new URL(FakeSocket.last.url);
    expect(decodeURIComponent(pathname)).toBe(`/parties/presence/${room}`);
    expect([searchParams.get("_pk"), searchParams.get("token")]).toEqual([connectionId, token]);
  });

  test("a room's id cannot lead elsewhere", async () => {
    await dial({ room: "a/b?c#d", party: "main", id: "tab" });
    expect(FakeSocket.last.url).toContain("/parties/main/a%2Fb%3Fc%23d?");
    expect(FakeSocket.last.query._pk).toBe("tab");
  });

  test("waits a random time, within a bound that grows by half with each failure", async () => {
    await dial();
    for (const bound of [1000, 1500, 2250]) {
      vi.mocked(Math.random).mockReturnValue(0.5);
      FakeSocket.last.shut(1006);
      const before = dials();
      await pass(bound / 2 - 1);
      expect(dials()).toBe(before);
      await pass(2);
      expect(dials()).toBe(before + 1);
    }
  });

  test("begins anew with short waits after a welcome", async () => {
    await dial();
    for (const wait of [1000, 2000, 4000]) {
      FakeSocket.last.shut(1006);
      await pass(wait);
    }
    FakeSocket.last.welcome("me");
    FakeSocket.last.shut(1006);
    await pass(1000);
    expect(dials()).toBe(5);
  });

  test.each([
    ["online", () => window.dispatchEvent(new Event("online"))],
    ["focus", () => window.dispatchEvent(new Event("focus"))],
    ["shown again", show],
    ["pageshow", () => window.dispatchEvent(new Event("pageshow"))],
  ])("does not wait any longer when it is %s", async (_name, wake) => {
    await dial();
    FakeSocket.last.shut(1006);
    await pass(10);
    expect(dials()).toBe(1);
    wake();
    await pass();
    expect(dials()).toBe(2);
  });

  test("an upgrade that stalls is given up", async () => {
    await dial();
    await pass(9999);
    expect(dials()).toBe(1); // slow networks get in, too
    await pass(1002);
    expect(dials()).toBe(2);
  });

  test("a dial that can't even begin is told, and not tried again at once", async () => {
    FakeSocket.onDial = () => {
      throw new Error("no such address");
    };
    const [token, onError] = [vi.fn(() => "t"), vi.fn()];
    await dial({ token, onError });
    expect(onError).toHaveBeenCalledWith({ code: "no_connection", message: "no such address" });
    await pass(60_000);
    expect(token.mock.calls.length).toBeLessThan(8);
  });

  test("a wake while a token is fetched in vain shortens the wait that follows", async () => {
    const token = vi.fn().mockRejectedValue(new Error("offline"));
    await dial({ token });
    await pass(20_000); // the waits have grown
    let fail: (error: Error) => void = () => {};
    token.mockImplementationOnce(() => new Promise((_, reject) => (fail = reject)));
    await pass(40_000);
    window.dispatchEvent(new Event("online"));
    const before = token.mock.calls.length;
    fail(new Error("not yet"));
    await pass(1000);
    expect(token.mock.calls.length).toBeGreaterThan(before);
  });

  test("focus on something in the page is no wake", async () => {
    const { socket } = await enter();
    socket.shut(1006);
    await pass(10);
    document.body.innerHTML = "<input>";
    document.querySelector("input")!.focus();
    await pass();
    expect(dials()).toBe(1);
  });

  test("no room is nowhere to go", async () => {
    const presence = await dial({ room: "" });
    await pass(60_000);
    expect([dials(), presence.getSnapshot().status]).toEqual([0, "connecting"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a server that opens and says nothing is given up", async () => {
    await dial();
    FakeSocket.last.die();
    FakeSocket.last.open();
    await pass(6001);
    expect(dials()).toBe(2);
  });
});

describe("tokens", () => {
  test("one that is not to be had is asked for again, and that is told", async () => {
    const token = vi.fn().mockRejectedValueOnce(new Error("offline")).mockResolvedValue("t");
    const onError = vi.fn();
    await dial({ token, onError });
    expect(dials()).toBe(0);
    expect(onError).toHaveBeenCalledWith({ code: "no_token", message: "Error: offline" });
    await pass(1000);
    expect(FakeSocket.last.query.token).toBe("t");
  });

  test.each([undefined, "", '{"token":"a.b.c"}', '"a.b.c"', "<!doctype html>", "Not Found"])(
    "%s is none, which is told before anybody dials with it",
    async (answer) => {
      const token = vi.fn().mockReturnValueOnce(answer).mockReturnValue("a.b.c\n");
      const onError = vi.fn();
      await dial({ token, onError });
      expect(onError).toHaveBeenCalledWith({ code: "no_token", message: "not a JWT" });
      await pass(1000);
      expect(FakeSocket.last.query.token).toBe("a.b.c");
    },
  );

  test("one that is refused again and again is told, but not the first time", async () => {
    const onError = vi.fn();
    await dial({ onError });
    FakeSocket.last.shut(4401, "token_expired");
    await pass(1);
    expect(onError).not.toHaveBeenCalled();
    FakeSocket.last.shut(4401, "token_expired");
    expect(onError).toHaveBeenCalledExactlyOnceWith({
      code: "refused",
      message: "4401 token_expired",
    });
  });

  test("one that does not come within 10 s is asked for again", async () => {
    const token = vi
      .fn()
      .mockReturnValueOnce(new Promise(() => {}))
      .mockReturnValue("t");
    await dial({ token });
    await pass(11_000);
    expect(FakeSocket.last.query.token).toBe("t");
  });

  test("is refreshed in band when the server wants it", async () => {
    const { socket } = await enter();
    socket.take();
    socket.say({ type: "token_refresh_required", expiresIn: 30_000 });
    await pass();
    expect(socket.take()).toEqual([{ type: "token_refresh", token: "token-2" }]);
  });

  test("is refreshed when the application wants it, as after a change of name", async () => {
    const { presence, socket } = await enter();
    socket.take();
    presence.refresh();
    await pass();
    expect(socket.take()).toEqual([{ type: "token_refresh", token: "token-2" }]);
    expect(dials()).toBe(1);
  });

  test("a refresh without a token is tried again while the connection lasts", async () => {
    const token = vi
      .fn()
      .mockResolvedValueOnce("a")
      .mockRejectedValueOnce(0)
      .mockResolvedValue("b");
    const { socket } = await enter([], { token });
    socket.take();
    socket.say({ type: "token_refresh_required", expiresIn: 30_000 });
    await pass(8000);
    expect(socket.take()).toEqual([{ type: "token_refresh", token: "b" }]);
  });

  test("a refresh that comes too late does not speak on the next connection", async () => {
    let hand: (token: string) => void = () => {};
    const token = vi.fn().mockResolvedValueOnce("a");
    const { socket } = await enter([], { token });
    token.mockReturnValueOnce(new Promise((resolve) => (hand = resolve))).mockResolvedValue("c");
    socket.say({ type: "token_refresh_required", expiresIn: 30_000 });
    socket.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me");
    await pass();
    FakeSocket.last.take();
    hand("b");
    await pass();
    expect(FakeSocket.last.take()).toEqual([]);
    expect(FakeSocket.last.query.token).toBe("c");
  });

  test("somebody else's leads to another connection", async () => {
    const onError = vi.fn();
    const { socket } = await enter([], { onError });
    socket.say({ type: "error", code: "token_mismatch", message: "no", of: "token_refresh" });
    await pass(1000);
    expect(socket.closedWith?.code).toBe(1000);
    expect(dials()).toBe(2);
    expect(onError).toHaveBeenCalledOnce();
  });

  test("a laptop that slept past the token's end is back at once with another one", async () => {
    const { socket } = await enter();
    socket.shut(4401, "token_expired");
    await pass(1);
    expect(FakeSocket.last.query.token).toBe("token-2");
  });
});

describe("a close that says stop", () => {
  test.each([1002, 1007, 1009, 4400, 4403, 4404, 4409, 4410])("%d ends it", async (code) => {
    const onError = vi.fn();
    const { presence, socket } = await enter([ME, ANN], { onError });
    socket.shut(code, "because");
    await pass(3_600_000);
    expect(onError).toHaveBeenCalledExactlyOnceWith({
      code: "refused",
      message: `${code} because`,
    });
    expect(dials()).toBe(1);
    const { status, refusal } = presence.getSnapshot();
    expect({ status, refusal }).toEqual({
      status: "refused",
      refusal: { code, reason: "because" },
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("nothing wakes it but connect", async () => {
    const { presence, socket } = await enter();
    socket.shut(4403, "wrong room");
    window.dispatchEvent(new Event("focus"));
    await pass(10_000);
    expect(dials()).toBe(1);
    presence.connect();
    await pass();
    expect(presence.getSnapshot()).toMatchObject({ status: "connecting", refusal: null });
    FakeSocket.last.welcome("me", [ME]);
    expect(presence.getSnapshot().status).toBe("online");
  });

  test("it may dial again from within the news of the refusal", async () => {
    const { presence, socket } = await enter();
    const stop = presence.subscribe(() => {
      if (presence.getSnapshot().status === "refused") presence.connect();
    });
    socket.shut(4410, "room ended");
    await pass();
    stop();
    expect(dials()).toBe(2);
    FakeSocket.last.welcome("me", [ME]);
    FakeSocket.last.shut(1006);
    await pass(1000);
    expect(dials()).toBe(3);
  });
});

describe("what the room looks like", () => {
  test("goes from connecting to online with the snapshot, and to reconnecting with a loss", async () => {
    const presence = await dial();
    const seen: string[] = [presence.getSnapshot().status];
    presence.subscribe(() => seen.push(presence.getSnapshot().status));
    FakeSocket.last.welcome("me", [ME]);
    FakeSocket.last.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me", [ME]);
    expect([...new Set(seen)]).toEqual(["connecting", "online", "reconnecting"]);
    expect(presence.getSnapshot().status).toBe("online");
    presence.close();
    expect(presence.getSnapshot().status).toBe("closed");
  });

  test("what came in the moment before a loss is in the roster that stays", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    await pass(100);
    socket.say(changed(3, "ann", { currentPath: "/1" }), changed(4, "ann", { currentPath: "/2" }));
    socket.shut(1006);
    const { members, status } = presence.getSnapshot();
    expect([members.get("ann")?.currentPath, status]).toEqual(["/2", "reconnecting"]);
  });

  test("the roster stays while it reconnects, and the next snapshot leaves no ghost", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    socket.shut(1006);
    await pass(1000);
    expect([...presence.getSnapshot().members.keys()]).toEqual(["me", "ann"]);
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "welcome", userId: "me" });
    expect([...presence.getSnapshot().members.keys()]).toEqual(["me", "ann"]);
    FakeSocket.last.say({ type: "presence_snapshot", users: [ME], seq: 7 });
    expect([...presence.getSnapshot().members.keys()]).toEqual(["me"]);
  });

  test("a gap asks for a snapshot, again every 5 s until it comes", async () => {
    const { presence, socket } = await enter([ME]);
    await pass(100);
    socket.take();
    socket.say(joined(9, "ann"));
    expect(socket.take()).toEqual([{ type: "resync" }]);
    await pass(4999);
    expect(socket.take()).toEqual([]);
    await pass(1);
    expect(socket.take()).toEqual([{ type: "resync" }]);
    socket.say({ type: "presence_snapshot", users: [ME, ANN], seq: 12 });
    await pass(20_000);
    expect(socket.take()).toEqual([]);
    expect(presence.getSnapshot().members.size).toBe(2);
  });

  test("the first news after a quiet moment is told at once, a burst once a frame", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    await pass(100);
    const listener = vi.fn();
    presence.subscribe(listener);
    socket.say(changed(3, "ann", { currentPath: "/a" }));
    expect(listener).toHaveBeenCalledTimes(1);
    for (let n = 0; n < 400; n++) socket.say(cursor("ann", { x: n }));
    socket.say(changed(4, "ann", { currentPath: "/b", cursor: { x: "last" } }));
    expect(listener).toHaveBeenCalledTimes(1);
    await pass(16);
    expect(listener).toHaveBeenCalledTimes(2);
    expect(presence.getSnapshot().members.get("ann")?.currentPath).toBe("/b");
    expect(presence.getSnapshot().cursors.get("ann")).toEqual({ x: "last" });
  });

  test("a hidden page, whose timers hardly run, does not pile up what it hears", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    for (let n = 0; n < 5000; n++) socket.say(cursor("ann", { x: n }));
    const { x } = presence.getSnapshot().cursors.get("ann");
    expect(x).toBeGreaterThan(4000);
  });

  test("what is said of nobody new is not told", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    await pass(100);
    const before = presence.getSnapshot();
    const listener = vi.fn();
    presence.subscribe(listener);
    socket.say({ type: "pong" }, { type: "tomorrow" }, left(2, "ann"));
    socket.dispatchEvent(new MessageEvent("message", { data: "no json" }));
    socket.dispatchEvent(new MessageEvent("message", { data: "null" }));
    await pass(100);
    expect(listener).not.toHaveBeenCalled();
    expect(presence.getSnapshot()).toBe(before);
  });

  test("a listener that unsubscribes while it is called disturbs nobody", async () => {
    const { presence, socket } = await enter([ME]);
    await pass(100);
    const calls: string[] = [];
    const stop = presence.subscribe(() => {
      calls.push("first");
      stop();
    });
    presence.subscribe(() => calls.push("second"));
    socket.say(joined(2, "ann"));
    await pass(100);
    socket.say(left(3, "ann"));
    expect(calls).toEqual(["first", "second", "second"]);
  });
});

describe("what this page says", () => {
  const STATE = [
    { type: "presence_update", currentPath: "/a", data: { colour: "red" }, idleMs: 0 },
    { type: "status_update", status: "online", idleMs: 0 },
  ];

  test("waits for the welcome, and is said again at every one", async () => {
    const presence = await dial();
    presence.update({ currentPath: "/old" });
    presence.update({ currentPath: "/a", data: { colour: "red" } });
    FakeSocket.last.open();
    await pass();
    expect(FakeSocket.last.take()).toEqual([]);
    FakeSocket.last.welcome("me", [ME]);
    await pass();
    expect(FakeSocket.last.take()).toEqual(STATE);
    FakeSocket.last.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me", [ME]);
    await pass();
    expect(FakeSocket.last.take()).toEqual(STATE.map((message) => ({ ...message, idleMs: 1000 })));
  });

  test("is said once for all that changes in one go", async () => {
    const { presence, socket } = await enter([ME]);
    socket.take();
    presence.update({ currentPath: "/a" });
    presence.update({ currentPath: "/b", resourceType: "doc", resourceId: "7" });
    presence.follow("ann");
    await pass();
    expect(socket.take()).toEqual([
      {
        type: "presence_update",
        currentPath: "/b",
        resourceType: "doc",
        resourceId: "7",
        following: "ann",
        idleMs: 0,
      },
    ]);
  });

  test("is what it was when it was said, whatever becomes of the object", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    const here = { currentPath: "/a" };
    presence.update(here);
    presence.setCursor({ x: 1 });
    await pass(100);
    here.currentPath = "/b";
    presence.update(here);
    await pass(100);
    socket.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me", [ME, ANN]);
    await pass(100);
    const said = FakeSocket.last.take();
    expect(said).toContainEqual({ type: "cursor_update", cursor: null });
  });

  test("is nothing at all for an observer", async () => {
    const presence = await dial();
    presence.update({ currentPath: "/a" });
    FakeSocket.last.welcome("me", [ANN], { observe: true });
    presence.setCursor({ x: 1 });
    presence.setStatus("away");
    await pass(100);
    expect(FakeSocket.last.take()).toEqual([]);
    expect(presence.getSnapshot().me?.observe).toBe(true);
  });

  test("what the server will not take is told, by default on the console", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { socket } = await enter([], { onError: undefined });
    socket.say({
      type: "error",
      code: "too_large",
      message: "data is too large",
      of: "presence_update",
    });
    expect(warn).toHaveBeenCalledWith("presence: too_large: data is too large");
  });
});

describe("cursors", () => {
  test("go out once a frame at most, the latest of them", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    await pass(100);
    socket.take();
    for (let n = 0; n < 100; n++) presence.setCursor({ x: n });
    expect(socket.take()).toEqual([]);
    await pass(17);
    expect(socket.take()).toEqual([{ type: "cursor_update", cursor: { x: 99 } }]);
    await pass(1000);
    expect(socket.take()).toEqual([]);
  });

  test("are silent while alone, and shown to who comes", async () => {
    const { presence, socket } = await enter([ME]);
    await pass(100);
    socket.take();
    presence.setCursor({ x: 1 });
    await pass(1000);
    expect(socket.take()).toEqual([]);
    socket.say(joined(2, "ann"));
    await pass(50);
    expect(socket.take()).toEqual([{ type: "cursor_update", cursor: { x: 1 } }]);
  });

  test("wait while what was sent has not gone out", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    await pass(100);
    socket.take();
    socket.bufferedAmount = 1_000_000;
    presence.setCursor({ x: 1 });
    await pass(500);
    presence.setCursor({ x: 2 });
    await pass(500);
    expect(socket.take()).toEqual([]);
    socket.bufferedAmount = 0;
    await pass(17);
    expect(socket.take()).toEqual([{ type: "cursor_update", cursor: { x: 2 } }]);
  });

  test("belong to a place: they go with it, and come back with what happens there", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    presence.update({ currentPath: "/a" });
    presence.setCursor({ x: 1 });
    await pass(100);
    socket.take();
    presence.update({ currentPath: "/a", activity: "typing" });
    socket.shut(1006);
    await pass(1000);
    FakeSocket.last.welcome("me", [ME, ANN]);
    await pass(100);
    expect(FakeSocket.last.take().at(-1)).toEqual({ type: "cursor_update", cursor: { x: 1 } });
    presence.setCursor({ x: 2 });
    presence.update({ currentPath: "/b" });
    await pass(100);
    expect(FakeSocket.last.take().map(({ type }) => type)).toEqual(["presence_update"]);
  });

  test("go with a hidden page, which has no frames", async () => {
    vi.stubGlobal("requestAnimationFrame", () => 0);
    const { presence, socket } = await enter([ME, ANN]);
    presence.setCursor({ x: 1 });
    await pass(100);
    hide();
    presence.setCursor(null);
    await pass(1000);
    vi.unstubAllGlobals();
    expect(socket.take().at(-1)).toEqual({ type: "cursor_update", cursor: null });
  });

  test("a removed one is told too", async () => {
    const { presence, socket } = await enter([ME, ANN]);
    presence.setCursor(null);
    await pass(100);
    expect(socket.take().at(-1)).toEqual({ type: "cursor_update", cursor: null });
  });
});

describe("whether somebody is there", () => {
  const statuses = (socket: FakeSocket) =>
    socket.take().flatMap((it) => (it.type === "status_update" ? [[it.status, it.idleMs]] : []));

  test.each(["pointermove", "pointerdown", "keydown", "touchmove", "wheel", "scroll"])(
    "away after 2 minutes without input, back with %s",
    async (type) => {
      const { socket } = await enter([ME]);
      await pass(60_000);
      input(type, { screenX: 1 });
      statuses(socket);
      await pass(119_999);
      expect(statuses(socket)).toEqual([]);
      await pass(1);
      expect(statuses(socket)).toEqual([["away", 120_000]]);
      await pass(5000);
      input(type, { screenX: 2 });
      await pass();
      expect(statuses(socket)).toEqual([["online", 0]]);
    },
  );

  test("a pointer at rest is no sign of life, though browsers repeat its place", async () => {
    const { socket } = await enter([ME]);
    input("pointermove", { screenX: 5, screenY: 5 });
    statuses(socket);
    await pass(119_999);
    input("pointermove", { screenX: 5, screenY: 5 });
    await pass(1);
    expect(statuses(socket).map(([status]) => status)).toEqual(["away"]);
  });

  test("away when the page was hidden for half a minute, back when it is shown", async () => {
    const { socket } = await enter([ME]);
    statuses(socket);
    hide();
    await pass(29_999);
    expect(statuses(socket)).toEqual([]);
    await pass(1);
    expect(statuses(socket)).toEqual([["away", 30_000]]);
    show();
    await pass();
    expect(statuses(socket)).toEqual([["online", 0]]);
  });

  test("a short look elsewhere is no absence", async () => {
    const { socket } = await enter([ME]);
    hide();
    await pass(20_000);
    show();
    await pass(20_000);
    expect(statuses(socket).map(([status]) => status)).not.toContain("away");
  });

  test("turning to a page makes it speak, so that of two tabs this one is shown", async () => {
    const { socket } = await enter([ME]);
    await pass(5000);
    statuses(socket);
    window.dispatchEvent(new Event("focus"));
    await pass();
    expect(statuses(socket)).toEqual([["online", 0]]);
  });

  test("a page that was opened in the background does not stand for its user", async () => {
    hide();
    const { presence, socket } = await enter([ME]);
    presence.update({ currentPath: "/unseen" });
    await pass();
    const said = socket.take();
    expect(said.length).toBeGreaterThan(0);
    for (const { idleMs } of said) expect(idleMs).toBeGreaterThan(86_400_000);
    show();
    await pass();
    expect(statuses(socket)).toEqual([["online", 0]]);
  });

  test("who comes back after a close is not as away as they went", async () => {
    const { presence, socket } = await enter([ME]);
    await pass(121_000);
    expect(statuses(socket).at(-1)?.[0]).toBe("away");
    socket.shut(4410, "removed");
    presence.connect();
    await pass();
    FakeSocket.last.welcome("me", [ME]);
    await pass();
    expect(statuses(FakeSocket.last)).toEqual([["online", 0]]);
  });

  test("what the application says counts more, until it takes it back", async () => {
    const { presence, socket } = await enter([ME]);
    statuses(socket);
    presence.setStatus("away");
    await pass();
    input();
    await pass(1000);
    expect(statuses(socket)).toEqual([["away", 0]]);
    presence.setStatus(null);
    await pass();
    expect(statuses(socket)).toEqual([["online", 1000]]);
  });

  test("the time without input is the application's to set", async () => {
    const { socket } = await enter([ME], { idleAfter: 1000 });
    statuses(socket);
    await pass(1000);
    expect(statuses(socket)).toEqual([["away", 1000]]);
    const { socket: never } = await enter([ME], { idleAfter: Number.POSITIVE_INFINITY });
    await pass(3_600_000);
    expect(statuses(never)).toEqual([["online", 0]]);
  });
});

describe("a dead connection", () => {
  test("is noticed within 15 s of silence", async () => {
    const { socket } = await enter();
    await pass(60_000);
    expect(dials()).toBe(1);
    socket.die();
    await pass(15_000);
    expect(socket.closedWith).not.toBeNull();
    expect(dials()).toBe(2);
  });

  test("is looked for at once when the page is shown", async () => {
    const { socket } = await enter();
    socket.die();
    await pass(9000); // a ping was asked, and nothing came
    hide();
    await pass(3_600_000);
    expect(dials()).toBe(1); // hidden timers run late: silence means nothing there
    socket.sent.length = 0;
    show();
    expect(socket.sent).toEqual([{ type: "ping" }]);
    await pass(6001);
    expect(dials()).toBe(2);
  });

  test("is not what a machine that slept has: the answer may be waiting", async () => {
    const { socket } = await enter();
    const pings = () => socket.sent.splice(0).filter(({ type }) => type === "ping").length;
    socket.die();
    await pass(8000);
    expect(pings()).toBe(2);
    const woken = performance.now() + 3_600_000;
    const clock = vi.spyOn(performance, "now").mockReturnValue(woken);
    await pass(5000);
    expect([dials(), pings()]).toEqual([1, 1]);
    clock.mockReturnValue(woken + 5000);
    await pass(6001);
    expect(dials()).toBe(2);
  });
});

describe("letting go", () => {
  test("close leaves no timer, no listener and no socket", async () => {
    const added = vi.spyOn(window, "addEventListener");
    const { presence, socket } = await enter([ME, ANN]);
    const signals = added.mock.calls.map(
      ([, , options]) => (options as AddEventListenerOptions).signal,
    );
    presence.update({ currentPath: "/a" });
    presence.setCursor({ x: 1 });
    presence.follow("ann");
    presence.close();
    await pass(100);
    expect(socket.closedWith?.code).toBe(1000);
    expect(vi.getTimerCount()).toBe(0);
    expect(signals.length).toBeGreaterThan(5);
    expect(signals.every((signal) => signal?.aborted)).toBe(true);
    socket.say(joined(3, "bob"));
    expect(presence.getSnapshot()).toMatchObject({ status: "closed", following: null });
  });

  test.each([
    ["the wait before a dial", 10],
    ["the fetching of a token", 1001],
  ])("close in %s dials no more", async (_name, at) => {
    const token = vi
      .fn()
      .mockReturnValueOnce("a")
      .mockReturnValue(new Promise(() => {}));
    const presence = await dial({ token });
    FakeSocket.last.shut(1006);
    await pass(at);
    presence.close();
    await pass(60_000);
    expect(dials()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("after a close it can be opened again, and says who is where", async () => {
    const { presence } = await enter([ME]);
    presence.update({ currentPath: "/a" });
    presence.close();
    presence.connect();
    await pass();
    FakeSocket.last.welcome("me", [ME]);
    await pass();
    expect(FakeSocket.last.take()[0]).toMatchObject({ currentPath: "/a" });
    expect(presence.getSnapshot().status).toBe("online");
  });

  test("it may be opened again from within the news of the close", async () => {
    const { presence } = await enter([ME, ANN]);
    presence.follow("ann");
    const stop = presence.subscribe(() => {
      stop();
      presence.connect();
    });
    presence.close();
    await pass();
    FakeSocket.last.welcome("me", [ME]);
    expect(presence.getSnapshot().status).toBe("online");
  });

  test("connect while connected is no second connection", async () => {
    const { presence } = await enter([ME]);
    presence.connect();
    presence.connect();
    await pass(1000);
    expect(dials()).toBe(1);
  });
});

test("on a server that renders pages nothing is dialled", async () => {
  vi.stubGlobal("window", undefined);
  const token = vi.fn();
  const { WebSocket: _, ...options } = OPTIONS;
  const presence = createPresence({ ...options, token });
  presence.connect();
  presence.update({ currentPath: "/" });
  await pass(10_000);
  vi.unstubAllGlobals();
  expect(token).not.toHaveBeenCalled();
  expect(presence.getSnapshot().status).toBe("connecting");
});
