/** Whom this page follows: a frame round it in the leader's colour, and a bar to end it. */

import type { Following } from "@presence-server/client";
import { useFollowMode, useMember, useWorkspacePresence } from "@presence-server/client/react";
import { useEffect, useState } from "react";
import { useColour, who } from "./colours.tsx";
import { useFocusKept } from "./focus.ts";
import { hasPage } from "./route.ts";
import { isolated, shownName } from "./text.ts";

export function FollowBar({ onGone }: { onGone: () => void }) {
  const { following, lost, unfollow } = useFollowMode();
  useEscape(unfollow);
  return (
    <>
      <FollowStatus following={following} lost={lost} />
      {following && <Frame following={following} unfollow={unfollow} onGone={onGone} />}
      {lost && <Lost lost={lost} dismiss={unfollow} onGone={onGone} />}
    </>
  );
}

interface FrameProps {
  readonly following: Following;
  readonly unfollow: () => void;
  readonly onGone: () => void;
}

function Frame({ following, unfollow, onGone }: FrameProps) {
  const { userId, userName, isHere } = following;
  const { isConnected } = useWorkspacePresence();
  const leader = useMember(userId);
  const isElsewhere = !!leader?.currentPath && !hasPage(leader.currentPath);
  const bar = useFocusKept<HTMLDivElement>(onGone);
  const doing = !isConnected ? "Following paused:" : isHere ? "Following" : "Waiting for";
  return (
    <div style={useLastColour(userId)}>
      <div className="follow-frame" data-testid="follow-frame" data-live={isHere && isConnected} />
      <div className="follow-bar" data-testid="follow-bar" data-keep-following ref={bar}>
        <p>
          {doing}{" "}
          <bdi className="leader" data-testid="leader">
            {shownName(userName)}
          </bdi>
          {isHere || "…"}
          {isElsewhere && ", who is on a page you do not have"}
        </p>
        <button type="button" data-testid="unfollow" onClick={unfollow}>
          Unfollow
        </button>
      </div>
    </div>
  );
}

interface LostProps {
  readonly lost: Following;
  readonly dismiss: () => void;
  readonly onGone: () => void;
}

function Lost({ lost, dismiss, onGone }: LostProps) {
  const bar = useFocusKept<HTMLDivElement>(onGone);
  return (
    <div className="follow-bar lost" data-testid="lost" data-keep-following ref={bar}>
      <p>
        <bdi className="leader">{shownName(lost.userName)}</bdi> left. You follow nobody now.
      </p>
      <button type="button" onClick={dismiss}>
        OK
      </button>
    </div>
  );
}

/** The same for ears: a region that stays, so that its changes are read out. */
function FollowStatus({
  following,
  lost,
}: {
  following: Following | null;
  lost: Following | null;
}) {
  const [said, say] = useState("");
  const name = following && isolated(following.userName);
  const sentence = name
    ? `${following.isHere ? "Following" : "Waiting for"} ${name}`
    : lost && `${isolated(lost.userName)} left: no longer following`;
  useEffect(() => {
    if (sentence) say(sentence);
    else say((before) => (before ? "No longer following" : ""));
  }, [sentence]);
  return (
    <p className="unseen" role="status" data-testid="follow-status">
      {said}
    </p>
  );
}

/** The leader's colour, also while the leader is away from the room and has none. */
function useLastColour(userId: string) {
  const now = useColour(userId);
  const [last, keep] = useState(now);
  if (now && now !== last) keep(now);
  return who(now ?? last);
}

function useEscape(onEscape: () => void) {
  useEffect(() => {
    const press = ({ key }: KeyboardEvent) => key === "Escape" && onEscape();
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [onEscape]);
}
