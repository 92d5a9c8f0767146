/** Follow mode: goes where the leader goes, for as long as there is a leader to go after. */

import { leaderOf, samePlace } from "./follow.ts";
import type { Following, Navigate, Place, Snapshot } from "./types.ts";

const GRACE_MS = 10_000;
/** Keys that move no content: they don't end following. */
const QUIET_KEY = /^(Shift|Control|Alt|Meta|CapsLock|Tab|Escape|F\d+)$/;

/** Called with whom this page follows now, and who was lost. */
type Changed = (following: Following | null, lost: Following | null) => void;

export class Guide<Data, Cursor> {
  #changed: Changed;
  #following: Following | null = null;
  #seen: Place | undefined;
  /** Where we were sent and have not yet said that we are. */
  #sentTo: Place[] = [];
  #navigates: Navigate<Data>[] = [];
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(changed: Changed) {
    this.#changed = changed;
  }

  /** The latest handler is the one asked. Returns how to remove it. */
  add(navigate: Navigate<Data>): () => void {
    this.#navigates.unshift(navigate);
    return () => {
      this.#navigates.splice(this.#navigates.indexOf(navigate), 1);
    };
  }

  /** `lost` is the leader who is followed no more because they left. */
  follow(following: Following | null, lost: Following | null = null) {
    this.#halt();
    this.#seen = undefined;
    this.#sentTo = [];
    this.#set(following, lost);
  }

  /** Must be called whenever the room has changed, and with where this page is. */
  look({ members, me, status }: Snapshot<Data, Cursor>, mine: Place | undefined) {
    const following = this.#following;
    if (!following) return;
    const { userId } = following;
    const leader = members.get(userId);
    if (leader || status !== "online") this.#halt();
    else this.#grace ??= setTimeout(() => this.follow(null, this.#following), GRACE_MS);
    if (following.isHere !== !!leader || (leader && leader.userName !== following.userName)) {
      this.#set({ ...following, ...(leader && { userName: leader.userName }), isHere: !!leader });
    }
    const guide = leaderOf(userId, members, me?.userId);
    const navigate = this.#navigates[0];
    if (!guide?.currentPath || guide.userId === me?.userId || !navigate) return;
    if (samePlace(guide, this.#seen)) return;
    this.#seen = guide;
    if (samePlace(guide, this.#sentTo.at(-1) ?? mine)) return;
    this.#sentTo.push(guide);
    navigate(guide.currentPath, guide);
  }

  /** Must be told of the page's own moves: one that nobody sent it on ends following. */
  moved(path: string, before: string | undefined) {
    if (path === before || before === undefined) return;
    const sent = this.#sentTo.findIndex(({ currentPath }) => currentPath === path);
    if (sent >= 0) this.#sentTo.splice(0, sent + 1);
    else if (this.#following) this.follow(null);
  }

  /** Must be told of input: what is meant for the page ends following. */
  input(event: Event, stopOn: readonly string[]) {
    if (!this.#following || !stopOn.includes(event.type)) return;
    if (QUIET_KEY.test((event as KeyboardEvent).key ?? "")) return;
    const target = event.target as Partial<Element> | null;
    if (!target?.closest?.("[data-keep-following]")) this.follow(null);
  }

  #set(following: Following | null, lost: Following | null = null) {
    this.#following = following;
    this.#changed(following, lost);
  }

  #halt() {
    clearTimeout(this.#grace);
    this.#grace = undefined;
  }
}
