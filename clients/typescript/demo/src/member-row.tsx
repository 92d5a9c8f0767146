import type { Entry } from "@presence-server/client";
import { memo } from "react";
import { Avatar } from "./avatar.tsx";
import { titleOf } from "./route.ts";
import { isolated, shownName } from "./text.ts";

interface MemberRowProps {
  readonly member: Entry;
  /** Begins a page's group. It is inside the row so that a row stays itself, and keeps the focus,
   * when its person goes to another page. */
  readonly heading: { readonly title: string; readonly count: number } | null;
  readonly isMe: boolean;
  /** The name of whom this member follows, or "you". */
  readonly follows: string | null;
  readonly isFollowed: boolean;
  readonly onFollow: (userId: string) => void;
}

export const MemberRow = memo(function MemberRow(props: MemberRowProps) {
  const { member, heading, isMe, follows } = props;
  const name = shownName(member.userName);
  return (
    <li>
      {heading && (
        <h3 data-testid="group">
          <bdi>{heading.title}</bdi> <span className="count">{heading.count}</span>
        </h3>
      )}
      <div className="member" data-testid="member" data-status={member.status}>
        <Avatar member={member} />
        <div className="who">
          <p className="first">
            <bdi className="name" title={name} data-testid="member-name">
              {name}
            </bdi>
            {isMe && <span className="you-mark">(you)</span>}
          </p>
          <p className="doing">
            <bdi className="unseen" data-testid="member-page">
              {titleOf(member.currentPath) || "no page yet"}
            </bdi>
            <span className="status" data-testid="member-status">
              {member.status}
            </span>
            {member.activity === "writing" && <span>writing…</span>}
            {follows && (
              <span className="follows">
                following {follows === "you" ? "you" : isolated(follows)}
              </span>
            )}
          </p>
        </div>
        {!isMe && <FollowButton {...props} name={name} />}
      </div>
    </li>
  );
});

/** One button for both, so that the focus stays where it is. */
function FollowButton({ member, isFollowed, onFollow, name }: MemberRowProps & { name: string }) {
  return (
    <button
      type="button"
      data-testid="follow"
      aria-pressed={isFollowed}
      aria-label={`Follow ${isolated(name)}`}
      onClick={() => onFollow(member.userId)}
    >
      {isFollowed ? "Following" : "Follow"}
    </button>
  );
}
