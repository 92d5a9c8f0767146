/** The page: where its visitor is, and what is around the sheet. */

import {
  useFollowMode,
  useMyPresence,
  useOthers,
  useWorkspacePresence,
} from "@presence-server/client/react";
import { type RefObject, useEffect, useRef } from "react";
import { ConnectionBanner } from "./connection.tsx";
import { FollowBar } from "./follow-bar.tsx";
import { News } from "./news.tsx";
import { PageList } from "./page-list.tsx";
import { Roster } from "./roster.tsx";
import { titleOf, useRoute } from "./route.ts";
import { Sheet } from "./sheet.tsx";
import { TopBar } from "./top-bar.tsx";
import { useTyping } from "./typing.ts";
import { You } from "./you.tsx";

export function Workspace({ trouble }: { trouble: string }) {
  const { path, ownMoves, go } = useRoute();
  const [typing, type] = useTyping();
  const { setCursor } = useMyPresence({
    currentPath: path,
    activity: typing ? "writing" : undefined,
  });
  const { following } = useFollowMode({ navigate: go });
  const { isConnected } = useWorkspacePresence();
  const isAlone = useOthers((others) => others.length === 0);
  const heading = useRef<HTMLHeadingElement>(null);
  const focusHeading = () => heading.current?.focus({ preventScroll: true });

  useEffect(() => {
    document.title = `${titleOf(path)} · Presence demo`;
  }, [path]);
  useEffect(() => {
    if (ownMoves > 0) heading.current?.focus();
  }, [ownMoves]);
  useShown(heading, path, following !== null);

  return (
    <div className="workspace" data-stale={!isConnected}>
      <button type="button" className="skip" data-keep-following onClick={focusHeading}>
        Skip to the page
      </button>
      <TopBar />
      <ConnectionBanner trouble={trouble} onGone={focusHeading} />
      <PageList path={path} />
      <You isAlone={isAlone} />
      <Sheet path={path} heading={heading} setCursor={setCursor} onType={type} />
      <Roster path={path} />
      <div className="overlay">
        <News />
        <FollowBar onGone={focusHeading} />
      </div>
    </div>
  );
}

/** Where the roster stands below the page, a follower there would not see where they were taken. */
function useShown(heading: RefObject<HTMLElement | null>, path: string, isFollowing: boolean) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: again for each path
  useEffect(() => {
    const isNarrow = matchMedia("(max-width: 720px)").matches;
    if (isFollowing && isNarrow) heading.current?.scrollIntoView({ block: "center" });
  }, [path, isFollowing, heading]);
}
