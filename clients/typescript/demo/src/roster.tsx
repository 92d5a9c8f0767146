/** Everybody here, by page: the one being looked at first, on it oneself first. */

import type { Entry } from "@presence-server/client";
import { useFollowMode, useWorkspacePresence } from "@presence-server/client/react";
import { MemberRow } from "./member-row.tsx";
import { byArrival } from "./palette.ts";
import { PAGES, titleOf } from "./route.ts";

const MOST_SHOWN = 100;

export function Roster({ path }: { path: string }) {
  const { presenceMap, self, isConnected } = useWorkspacePresence();
  const { following, follow, unfollow } = useFollowMode();
  const members = inOrder(presenceMap.values(), path, self?.userId);
  const shown = members.slice(0, MOST_SHOWN);
  const leaderId = following?.userId;
  return (
    <section className="people" aria-labelledby="people-title" data-keep-following>
      <h2 id="people-title" tabIndex={-1}>
        Here now{" "}
        <span className="count" data-testid="count">
          {members.length}
        </span>
      </h2>
      {!isConnected && members.length > 0 && (
        <p className="small warning" data-testid="stale-note">
          As last known: not connected.
        </p>
      )}
      <ul className="roster" id="roster" data-testid="roster">
        {shown.map((member, at) => (
          <MemberRow
            key={member.userId}
            member={member}
            heading={headingAt(members, at)}
            isMe={member.userId === self?.userId}
            follows={followsWhom(member, presenceMap, self)}
            isFollowed={member.userId === leaderId}
            onFollow={member.userId === leaderId ? unfollow : follow}
          />
        ))}
      </ul>
      {shown.length < members.length && (
        <p className="small">and {members.length - shown.length} more</p>
      )}
    </section>
  );
}

function inOrder(members: Iterable<Entry>, path: string, myId: string | undefined): Entry[] {
  const order = [path, ...PAGES.map((page) => page.path)];
  const rank = ({ currentPath }: Entry) => {
    const at = order.indexOf(currentPath);
    return at < 0 ? order.length : at;
  };
  return [...members].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      a.currentPath.localeCompare(b.currentPath) ||
      Number(b.userId === myId) - Number(a.userId === myId) ||
      byArrival(a, b),
  );
}

/** The page's title and how many are on it, at the first of those who are. */
function headingAt(members: readonly Entry[], at: number) {
  const { currentPath } = members[at]!;
  if (members[at - 1]?.currentPath === currentPath) return null;
  const count = members.filter((member) => member.currentPath === currentPath).length;
  return { title: titleOf(currentPath) || "Not on a page yet", count };
}

function followsWhom(
  { following }: Entry,
  members: ReadonlyMap<string, Entry>,
  self: Entry | null,
): string | null {
  if (following === undefined) return null;
  if (following === self?.userId) return "you";
  return members.get(following)?.userName ?? null;
}
