/** What components ask of a room. */

import {
  useCallback,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import {
  cursorsAt,
  followersOf,
  type MemberCursor,
  membersAt,
  othersOf,
  type Resource,
} from "../select.ts";
import type {
  Entry,
  Following,
  Location,
  Navigate,
  Presence,
  Refusal,
  RegisteredCursor,
  RegisteredData,
  Snapshot,
  Status,
} from "../types.ts";
import { usePresence } from "./context.ts";
import { type Equality, useSelection } from "./select.ts";

export interface WorkspacePresence<Data = RegisteredData> {
  /** Everybody in the room, oneself included, by user id. */
  readonly presenceMap: ReadonlyMap<string, Entry<Data>>;
  readonly others: readonly Entry<Data>[];
  /** Oneself as the others see it; null until known, and for observers. */
  readonly self: Entry<Data> | null;
  readonly isConnected: boolean;
  readonly status: Status;
  /** Why the server would not have us, where `status` is `refused`. */
  readonly refusal: Refusal | null;
}

const selfOf = <Data>({ members, me }: Snapshot<Data, unknown>) =>
  members.get(me?.userId ?? "") ?? null;
const membersOf = <Data>({ members }: Snapshot<Data, unknown>) => members;
const statusOf = ({ status }: Snapshot<unknown, unknown>) => status;
const refusalOf = ({ refusal }: Snapshot<unknown, unknown>) => refusal;

/** The whole room but its cursors. Renders at every join, change and leave. */
export function useWorkspacePresence<Data = RegisteredData>(): WorkspacePresence<Data> {
  const presenceMap = useSelection(membersOf<Data>, Object.is);
  const others = useSelection(othersOf<Data>);
  const self = useSelection(selfOf<Data>, Object.is);
  const status = useSelection(statusOf);
  const refusal = useSelection(refusalOf);
  return { presenceMap, others, self, isConnected: status === "online", status, refusal };
}

/** Something of the others; renders only when `equality` (by default shallow) says it changed. */
export function useOthers<Data = RegisteredData, T = readonly Entry<Data>[]>(
  selector?: (others: readonly Entry<Data>[]) => T,
  equality?: Equality<T>,
): T {
  const select = useCallback(
    (snapshot: Snapshot<Data, unknown>) => {
      const others = othersOf(snapshot);
      return selector ? selector(others) : (others as T);
    },
    [selector],
  );
  return useSelection(select, equality);
}

/** One member's entry; undefined while they are not here. */
export function useMember<Data = RegisteredData>(userId: string): Entry<Data> | undefined {
  return useSelection(
    useCallback(({ members }: Snapshot<Data, unknown>) => members.get(userId), [userId]),
    Object.is,
  );
}

/** Everybody at a place, oneself included. What `resource` leaves out may be anything. */
export function useMembersAt<Data = RegisteredData>(resource: Resource): readonly Entry<Data>[] {
  const at = useStable(resource);
  return useSelection(
    useCallback((snapshot: Snapshot<Data, unknown>) => membersAt(snapshot, at), [at]),
  );
}

/** The others' cursors at a place, or everywhere. Renders when one of these moves. */
export function useCursors<Data = RegisteredData, Cursor = RegisteredCursor>(
  resource: Resource = {},
): readonly MemberCursor<Data, Cursor>[] {
  const at = useStable(resource);
  const select = useCallback((it: Snapshot<Data, Cursor>) => cursorsAt(it, at), [at]);
  return useSelection(select, sameCursors);
}

function sameCursors<Data, Cursor>(
  a: readonly MemberCursor<Data, Cursor>[],
  b: readonly MemberCursor<Data, Cursor>[],
) {
  return (
    a.length === b.length &&
    a.every((one, at) => one.member === b[at]!.member && one.cursor === b[at]!.cursor)
  );
}

export interface MyPresence<Data, Cursor>
  extends Pick<Presence<Data, Cursor>, "update" | "setCursor" | "setStatus"> {
  readonly self: Entry<Data> | null;
}

/**
 * Says where the user is, and again when that changes; use it once in a page. What has no
 * `currentPath` is at the page's own path, and goes along with its route changes.
 */
export function useMyPresence<Data = RegisteredData, Cursor = RegisteredCursor>(
  location: Partial<Location<Data>> = {},
): MyPresence<Data, Cursor> {
  const { update, setCursor, setStatus } = usePresence<Data, Cursor>();
  const route = useSyncExternalStore(onRoute, pathname, () => undefined);
  const { currentPath = route } = location;
  const here = useStable({ ...location, currentPath });
  const self = useSelection(selfOf<Data>, Object.is);
  useEffect(() => {
    // While a page is hydrated its path is not known.
    if (here.currentPath !== undefined) update(here as Location<Data>);
  }, [update, here]);
  return { self, update, setCursor, setStatus };
}

export interface FollowMode<Data = RegisteredData> {
  /** Whom this page follows; `isHere` is false while they are gone, perhaps for a moment only. */
  readonly following: Following | null;
  /** The leader who left for good, until somebody is followed again. */
  readonly lost: Following | null;
  /** Those who follow this user. */
  readonly followers: readonly Entry<Data>[];
  readonly follow: (userId: string) => void;
  readonly unfollow: () => void;
}

const followingOf = ({ following }: Snapshot<unknown, unknown>) => following;
const lostOf = ({ lost }: Snapshot<unknown, unknown>) => lost;

/**
 * Goes where another user goes. `navigate` takes this page there; leave it out in components that
 * only show who follows whom.
 */
export function useFollowMode<Data = RegisteredData>(
  options: { readonly navigate?: Navigate<Data> } = {},
): FollowMode<Data> {
  const presence = usePresence<Data, unknown>();
  const { navigate } = options;
  const latest = useRef(navigate);
  useInsertionEffect(() => {
    latest.current = navigate;
  });
  const navigates = navigate !== undefined;
  useEffect(() => {
    if (!navigates) return;
    return presence.onNavigate((path, leader) => latest.current?.(path, leader));
  }, [presence, navigates]);
  const unfollow = useCallback(() => presence.follow(null), [presence]);
  return {
    following: useSelection(followingOf),
    lost: useSelection(lostOf),
    followers: useSelection(followersOf<Data>),
    follow: presence.follow,
    unfollow,
  };
}

/** The same object for as long as it says the same, however often it is written anew. */
function useStable<T>(value: T): T {
  const text = JSON.stringify(value);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `text` says all that `value` does
  return useMemo(() => value, [text]);
}

const pathname = () => globalThis.location?.pathname;

function onRoute(listener: () => void): () => void {
  if (!globalThis.document) return () => {};
  const navigation = (globalThis as { navigation?: EventTarget }).navigation;
  navigation?.addEventListener("currententrychange", listener);
  window.addEventListener("popstate", listener);
  return () => {
    navigation?.removeEventListener("currententrychange", listener);
    window.removeEventListener("popstate", listener);
  };
}
