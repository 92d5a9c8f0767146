import { expect, test } from "vitest";
import { changesBetween, isAt, membersAt, othersOf } from "../src/index.ts";
import { enter, fakePage, pass } from "./support/page.ts";
import { changed, cursor, entry, joined, left } from "./support/socket.ts";

fakePage();

const ME = entry("me");
const ANN = entry("ann", { currentPath: "/a", resourceType: "doc", resourceId: "1" });
const ids = (entries: readonly { userId: string }[]) => entries.map(({ userId }) => userId);

test("what happened from one snapshot to another is who came, changed and went", async () => {
  const { presence, socket } = await enter([ME, ANN, entry("bob"), entry("cat")]);
  const before = presence.getSnapshot();
  socket.say(left(5, "bob"), joined(6, "dan"), changed(7, "cat", { currentPath: "/c" }));
  socket.say(changed(8, "me", { currentPath: "/me" }), cursor("ann", { x: 1 }));
  await pass(100);
  const changes = changesBetween(before, presence.getSnapshot());
  expect(ids(changes.joined)).toEqual(["dan"]);
  expect(ids(changes.changed)).toEqual(["cat"]);
  expect(ids(changes.left)).toEqual(["bob"]);
});

test("the others are found once for as long as nobody comes, changes or goes", async () => {
  const { presence, socket } = await enter([ME, ANN]);
  const before = othersOf(presence.getSnapshot());
  socket.say(cursor("ann", { x: 1 }));
  await pass(100);
  expect(presence.getSnapshot().cursors.size).toBe(1);
  expect(othersOf(presence.getSnapshot())).toBe(before);
  const me = { ...presence.getSnapshot().me!, userId: "ann" };
  expect(ids(othersOf({ ...presence.getSnapshot(), me }))).toEqual(["me"]);
});

test("what a place leaves out may be anything", async () => {
  const { presence } = await enter([ME, ANN]);
  const snapshot = presence.getSnapshot();
  expect(isAt(ANN, {})).toBe(true);
  expect(isAt(ANN, { resourceType: "doc" })).toBe(true);
  expect(isAt(ANN, { resourceType: "doc", resourceId: "2" })).toBe(false);
  expect(ids(membersAt(snapshot, { currentPath: "/" }))).toEqual(["me"]);
  expect(ids(othersOf(snapshot))).toEqual(["ann"]);
});
