/** Follow mode: goes where the leader goes, for as long as there is a leader to go after. */

import { leaderOf, samePlace } from "./follow.ts";
import type { Following, Navigate, Place, Snapshot } from "./types.ts";

const GRACE_MS = 10_000;
/** Keys that do nothing to a page: they don't end following. */
const QUIET_KEY = /^(Shift|Control|Alt|Meta|Tab|CapsLock|F\d)/;

/** `changed` is told whom this page follows now, and the leader who was lost. */
export function createGuide<Data, Cursor>(
  changed: (following: Following | null, lost: Following | null) => void,
) {
  let following: Following | null = null;
  let seen: Place | undefined;
  let sentTo: Place[] = []; // and not yet said to be there
  let grace: ReturnType<typeof setTimeout> | undefined;
  let guides: { navigate: Navigate<Data> }[] = [];

  const set = (next: Following | null, lost: Following | null = null) => {
    following = next;
    changed(next, lost);
  };
  const halt = () => {
    clearTimeout(grace);
    grace = undefined;
  };
  /** `lost` is the leader who is followed no more because they left. */
  const follow = (next: Following | null, lost?: Following | null) => {
    halt();
    seen = undefined;
    sentTo = [];
    set(next, lost);
  };

  return {
    follow,

    /** The latest handler is the one asked. Returns how to remove it. */
    add(navigate: Navigate<Data>) {
      const own = { navigate };
      guides = [own, ...guides];
      return () => {
        guides = guides.filter((it) => it !== own);
      };
    },

    /** Must be called whenever the room has changed, and with where this page is. */
    look({ members, me, status }: Snapshot<Data, Cursor>, mine: Place | undefined) {
      if (!following) return;
      const { userId } = following;
      if (userId === me?.userId) return follow(null);
      const leader = members.get(userId);
      if (leader || status !== "online") halt();
      else grace ??= setTimeout(() => follow(null, following), GRACE_MS);
      const { userName } = leader ?? following;
      if (!leader === following.isHere || userName !== following.userName) {
        set({ userId, userName, isHere: !!leader });
        if (following?.userId !== userId) return;
      }
      const guide = leaderOf(userId, members, me?.userId);
      const how = guides[0];
      if (!guide?.currentPath || guide.userId === me?.userId || !how) return;
      if (samePlace(guide, seen)) return;
      seen = guide;
      if (samePlace(guide, sentTo.at(-1) ?? mine)) return;
      sentTo.push(guide);
      queueMicrotask(() => how.navigate(guide.currentPath, guide)); // whatever it throws is its own
    },

    /** Must be told of the page's own moves: one that nobody sent it on ends following. */
    moved(path: string, before: string | undefined) {
      if (!following || path === before || before === undefined) return;
      const sent = sentTo.findIndex(({ currentPath }) => currentPath === path);
      if (sent < 0) follow(null);
      else sentTo.splice(0, sent + 1);
    },

    /** Must be told of input: what is meant for the page ends following. */
    input(event: Event, stopOn: readonly string[]) {
      if (!following || !stopOn.includes(event.type)) return;
      if (QUIET_KEY.test((event as KeyboardEvent).key)) return;
      const target = event.target as Partial<Element> | null;
      if (!target?.closest?.("[data-keep-following]")) follow(null);
    },
  };
}
