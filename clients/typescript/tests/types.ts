/** What the types promise: `tsc` checks it, and nothing here ever runs. */

import { expectTypeOf } from "vitest";
import {
  connectPresence,
  createPresence,
  cursorsAt,
  type Entry,
  type Presence,
  type Snapshot,
} from "../src/index.ts";
import { useCursors, useMember, useOthers, useWorkspacePresence } from "../src/react/index.ts";

interface Data {
  readonly colour: string;
}
interface Cursor {
  readonly x: number;
}

const OPTIONS = { host: "h", room: "r", token: async () => "t" };

export function typed() {
  const presence = connectPresence<Data, Cursor>(OPTIONS);
  expectTypeOf(presence).toEqualTypeOf<Presence<Data, Cursor>>();

  const snapshot = presence.getSnapshot();
  expectTypeOf(snapshot.members.get("ann")?.data?.colour).toEqualTypeOf<string | undefined>();
  expectTypeOf(snapshot.cursors.get("ann")).toEqualTypeOf<Cursor | undefined>();
  expectTypeOf(cursorsAt(snapshot)[0]!.cursor).toEqualTypeOf<Cursor>();
  if (snapshot.status === "refused") expectTypeOf(snapshot.refusal.code).toBeNumber();
  else expectTypeOf(snapshot.refusal).toBeNull();

  presence.update({ currentPath: "/", data: { colour: "red" } });
  presence.setCursor({ x: 1 });
  presence.setCursor(null);
  presence.onNavigate((path, leader) => {
    expectTypeOf(path).toBeString();
    expectTypeOf(leader).toEqualTypeOf<Entry<Data>>();
  });

  // @ts-expect-error data is the application's own
  presence.update({ currentPath: "/", data: { color: "red" } });
  // @ts-expect-error so is the cursor
  presence.setCursor({ y: 1 });
  // @ts-expect-error identity is the token's
  presence.update({ currentPath: "/", userName: "Ann" });
  // @ts-expect-error whom one follows is said with follow
  presence.update({ currentPath: "/", following: "ann" });
  // @ts-expect-error a location has a path
  presence.update({ resourceId: "7" });
  // @ts-expect-error there is no such status
  presence.setStatus("busy");
  // @ts-expect-error a snapshot is read, not written
  snapshot.members.clear();
  // @ts-expect-error an entry is read, not written
  snapshot.members.get("ann")!.userName = "Bob";
  // @ts-expect-error a token is needed
  connectPresence({ host: "h", room: "r" });
}

export function useHooks() {
  expectTypeOf(useMember<Data>("ann")).toEqualTypeOf<Entry<Data> | undefined>();
  expectTypeOf(useOthers((others) => others.length)).toBeNumber();
  expectTypeOf(useOthers<Data>()[0]!.data).toEqualTypeOf<Data | undefined>();
  expectTypeOf(useWorkspacePresence<Data>().self).toEqualTypeOf<Entry<Data> | null>();
  expectTypeOf(useCursors<Data, Cursor>()[0]!.cursor.x).toBeNumber();
}

/** Without types of its own an application gets JSON. */
export function untyped(snapshot: Snapshot) {
  expectTypeOf(snapshot.members.get("ann")?.data?.anything).toBeUnknown();
  createPresence(OPTIONS).update({ currentPath: "/", data: { anything: [1, { goes: true }] } });
}
