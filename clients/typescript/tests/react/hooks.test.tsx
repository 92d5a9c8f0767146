import { act } from "@testing-library/react";
import { useState } from "react";
import { describe, expect, test, vi } from "vitest";
import {
  shallow,
  useCursors,
  useFollowMode,
  useMember,
  useMembersAt,
  useMyPresence,
  useOthers,
  useWorkspacePresence,
} from "../../src/react/index.ts";
import { changed, cursor, entry, FakeSocket, joined, left } from "../support/socket.ts";
import { fakeReactPage, mount, probe, say, settle } from "./support.tsx";

fakeReactPage();

const ME = entry("me");
const ANN = entry("ann", { currentPath: "/a", resourceType: "doc", resourceId: "1" });
const BOB = entry("bob", { currentPath: "/b" });
const names = (others: readonly { userName: string }[]) => others.map(({ userName }) => userName);

describe("useOthers", () => {
  test("200 cursors at 20 a second render a component that selects names not once", async () => {
    const crowd = Array.from({ length: 200 }, (_, n) => entry(`user-${n}`));
    const { Probe, seen } = probe(() => useOthers((others) => names(others)));
    const { Probe: Cursors, seen: moving } = probe(() => useCursors());
    await mount(
      <>
        <Probe />
        <Cursors />
      </>,
      [ME, ...crowd],
    );
    const before = { names: seen.renders, cursors: moving.renders };
    for (let tick = 0; tick < 40; tick++) {
      say(...crowd.map(({ userId }, n) => cursor(userId, { x: tick, y: n })));
      await settle(50);
    }
    expect(seen.value).toHaveLength(200);
    expect(seen.renders - before.names).toBe(0);
    expect(moving.renders - before.cursors).toBeGreaterThan(20);
    expect(moving.value?.at(-1)?.cursor).toEqual({ x: 39, y: 199 });
  });

  test("renders when the selection changes, and not for what it leaves out", async () => {
    const { Probe, seen } = probe(() => useOthers((others) => names(others)));
    await mount(<Probe />, [ME, ANN, BOB]);
    const before = seen.renders;
    say(changed(4, "ann", { currentPath: "/elsewhere" }));
    await settle(100);
    expect(seen.renders).toBe(before);
    say(changed(5, "ann", { userName: "Anna" }));
    await settle(100);
    expect(seen.value).toEqual(["Anna", "BOB"]);
  });

  test("goes by the equality that it is given", async () => {
    const { Probe, seen } = probe(() =>
      useOthers(
        (others) => ({ count: others.length, at: Math.random() }),
        (a, b) => a.count === b.count,
      ),
    );
    await mount(<Probe />, [ME, ANN]);
    const before = seen.renders;
    say(changed(3, "ann", { currentPath: "/x" }));
    await settle(100);
    expect(seen.renders).toBe(before);
    say(joined(4, "bob"));
    await settle(100);
    expect(seen.value?.count).toBe(2);
  });

  test("without a selector is everybody but oneself", async () => {
    const { Probe, seen } = probe(() => useOthers());
    await mount(<Probe />, [ME, ANN, BOB]);
    expect(seen.value?.map(({ userId }) => userId)).toEqual(["ann", "bob"]);
  });

  test("sees a change between rendering and mounting", async () => {
    const { Probe, seen } = probe(() => useOthers().length);
    await mount(<Probe />, [ME]);
    for (let n = 0; n < 5; n++) say(joined(2 + n, `user-${n}`));
    await settle(16);
    expect(seen.value).toBe(5);
  });
});

test("useWorkspacePresence has the room, and keeps it while reconnecting", async () => {
  const { Probe, seen } = probe(() => useWorkspacePresence());
  await mount(<Probe />, [ME, ANN]);
  expect(seen.value).toMatchObject({ self: ME, others: [ANN], isConnected: true });
  const before = seen.renders;
  say(cursor("ann", { x: 1 }));
  await settle(100);
  expect(seen.renders).toBe(before);
  act(() => FakeSocket.last.shut(1006));
  expect(seen.value).toMatchObject({ isConnected: false, status: "reconnecting", others: [ANN] });
  await settle(1000);
  act(() => FakeSocket.last.shut(4403, "wrong room"));
  expect(seen.value).toMatchObject({
    status: "refused",
    refusal: { code: 4403, reason: "wrong room" },
  });
});

test("useMember has one entry, and renders for no other", async () => {
  const { Probe, seen } = probe(() => useMember("ann"));
  await mount(<Probe />, [ME, ANN, BOB]);
  const before = seen.renders;
  say(changed(4, "bob", { currentPath: "/x" }));
  await settle(100);
  expect([seen.renders, seen.value]).toEqual([before, ANN]);
  say(left(5, "ann"));
  await settle(100);
  expect(seen.value).toBeUndefined();
});

test("useMembersAt has those at a place, written anew in every render", async () => {
  const { Probe, seen } = probe(() =>
    useMembersAt({ resourceType: "doc", resourceId: "1" }).map(({ userId }) => userId),
  );
  await mount(<Probe />, [ME, ANN, BOB]);
  expect(seen.value).toEqual(["ann"]);
  const before = seen.renders;
  say(changed(4, "bob", { currentPath: "/x" }));
  await settle(100);
  expect(seen.renders).toBe(before);
  say(changed(5, "bob", { currentPath: "/z", resourceType: "doc", resourceId: "1" }));
  await settle(100);
  expect(seen.value).toEqual(["ann", "bob"]);
});

test("useCursors has the cursors at a place, and renders for no other", async () => {
  const { Probe, seen } = probe(() => useCursors({ currentPath: "/a" }));
  await mount(<Probe />, [ME, ANN, BOB]);
  say(cursor("ann", { x: 1 }));
  await settle(100);
  expect(seen.value).toEqual([{ member: ANN, cursor: { x: 1 } }]);
  const before = seen.renders;
  say(cursor("bob", { x: 2 }), cursor("me", { x: 3 }));
  await settle(100);
  expect(seen.renders).toBe(before);
  say(cursor("ann", null));
  await settle(100);
  expect(seen.value).toEqual([]);
});

describe("useMyPresence", () => {
  const said = () => FakeSocket.last.take().filter(({ type }) => type === "presence_update");

  test("says where the page is, and goes along with its routes", async () => {
    history.replaceState(null, "", "/start");
    const { Probe, seen } = probe(() => useMyPresence());
    await mount(<Probe />, [ME]);
    expect(said()).toEqual([expect.objectContaining({ currentPath: "/start" })]);
    history.pushState(null, "", "/next");
    act(() => void window.dispatchEvent(new Event("popstate")));
    await settle(100);
    expect(said()).toEqual([expect.objectContaining({ currentPath: "/next" })]);
    expect(seen.value?.self).toEqual(ME);
  });

  test("says it once, however often it is rendered, and again when it changes", async () => {
    let render: (zoom: number) => void = () => {};
    const { Probe, seen } = probe(() => {
      const [zoom, setZoom] = useState(1);
      render = setZoom;
      useWorkspacePresence(); // so that it renders with the room
      return useMyPresence({ currentPath: "/p", data: { zoom } });
    });
    await mount(<Probe />, [ME]);
    expect(said()).toHaveLength(1);
    const before = seen.renders;
    say(joined(2, "ann"));
    await settle(100);
    expect(seen.renders).toBeGreaterThan(before);
    expect(said()).toEqual([]);
    act(() => render(2));
    await settle();
    expect(said()).toEqual([expect.objectContaining({ data: { zoom: 2 } })]);
  });
});

describe("useFollowMode", () => {
  test("follows, is sent along, and stops", async () => {
    const navigate = vi.fn();
    const { Probe, seen } = probe(() => {
      useMyPresence({ currentPath: "/" });
      return useFollowMode({ navigate });
    });
    await mount(<Probe />, [ME, ANN, entry("bob", { following: "me" })]);
    expect(seen.value?.followers.map(({ userId }) => userId)).toEqual(["bob"]);
    act(() => seen.value?.follow("ann"));
    await settle();
    expect(navigate).toHaveBeenCalledExactlyOnceWith("/a", ANN);
    expect(seen.value?.following).toEqual({ userId: "ann", userName: "ANN", isHere: true });
    act(() => seen.value?.unfollow());
    expect(seen.value?.following).toBeNull();
  });

  test("says who was lost", async () => {
    const { Probe, seen } = probe(() => useFollowMode());
    await mount(<Probe />, [ME, ANN]);
    act(() => seen.value?.follow("ann"));
    say(left(3, "ann"));
    await settle(5000);
    expect(seen.value?.following?.isHere).toBe(false);
    await settle(6000);
    expect(seen.value).toMatchObject({ following: null, lost: { userId: "ann" } });
  });

  test("asks the router of the latest render, and none after it is unmounted", async () => {
    const { Probe, seen } = probe(() => useFollowMode());
    const first = vi.fn();
    const second = vi.fn();
    let navigate = first;
    const { Probe: Router } = probe(() => useFollowMode({ navigate }));
    const both = () => (
      <>
        <Probe />
        <Router />
      </>
    );
    const view = await mount(both(), [ME, ANN]);
    navigate = second;
    act(() => seen.value?.follow("ann"));
    await settle();
    expect([first, second].map((it) => it.mock.calls.length)).toEqual([0, 1]);
    view.unmount();
    say(changed(3, "ann", { currentPath: "/later" }));
    await settle(100);
    expect(second).toHaveBeenCalledOnce();
  });
});

test.each([
  [1, 1, true],
  [Number.NaN, Number.NaN, true],
  [[1, 2], [1, 2], true],
  [[1, 2], [1], false],
  [{ a: 1 }, { a: 1 }, true],
  [{ a: 1 }, { b: 1 }, false],
  [{ a: undefined }, { b: undefined }, false],
  [[], {}, false],
  [null, {}, false],
  [new Map([[1, 1]]), new Map([[1, 1]]), false],
  [new Set([1]), new Set([2]), false],
  [new Date(1), new Date(2), false],
  [[1], new Set([1]), false],
])("shallow(%j, %j) is %j", (a, b, same) => {
  expect(shallow(a, b)).toBe(same);
});
