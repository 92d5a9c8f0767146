/** The page itself, with the pointers of the others who are on it. */

import { useFollowMode, useMembersAt } from "@presence-server/client/react";
import { memo, type PointerEvent, type RefObject, useState } from "react";
import { AvatarStack } from "./avatar.tsx";
import { Cursors } from "./cursors.tsx";
import { Budget } from "./pages/budget.tsx";
import { Design } from "./pages/design.tsx";
import { Launch } from "./pages/launch.tsx";
import { Notes } from "./pages/notes.tsx";
import { Roadmap } from "./pages/roadmap.tsx";
import { byArrival } from "./palette.ts";
import { locate, type Pointer } from "./pointer.ts";
import { type PagePath, titleOf } from "./route.ts";
import { nameList } from "./text.ts";

interface SheetProps {
  readonly path: PagePath;
  readonly heading: RefObject<HTMLHeadingElement | null>;
  readonly setCursor: (cursor: Pointer | null) => void;
  readonly onType: () => void;
}

export function Sheet({ path, heading, setCursor, onType }: SheetProps) {
  const [sheet, setSheet] = useState<HTMLElement | null>(null);
  const point = (event: PointerEvent) => setCursor(sheet && locate(sheet, event));
  const leave = () => setCursor(null);
  return (
    <main id="main" className="stage">
      <div
        ref={setSheet}
        className="sheet"
        data-testid="sheet"
        onPointerMove={point}
        onPointerLeave={leave}
        onPointerCancel={leave}
      >
        <header className="sheet-head">
          <h1 ref={heading} tabIndex={-1} data-testid="page-title" data-anchor="title">
            {titleOf(path)}
          </h1>
          <FollowedBy />
          <OnThisPage path={path} />
        </header>
        <Content path={path} onType={onType} />
        {sheet && <Cursors path={path} sheet={sheet} />}
      </div>
    </main>
  );
}

const Content = memo(function Content({ path, onType }: { path: PagePath; onType: () => void }) {
  if (path === "/roadmap") return <Roadmap />;
  if (path === "/design") return <Design />;
  if (path === "/budget") return <Budget />;
  if (path === "/notes") return <Notes onType={onType} />;
  return <Launch />;
});

function FollowedBy() {
  const { followers } = useFollowMode();
  if (followers.length === 0) return null;
  const names = nameList(followers.map(({ userName }) => userName));
  return (
    <p className="followed-by" data-testid="followed-by">
      {names} {followers.length === 1 ? "follows" : "follow"} you
    </p>
  );
}

function OnThisPage({ path }: { path: string }) {
  const here = [...useMembersAt({ currentPath: path })].sort(byArrival);
  return (
    <div className="on-this-page" data-testid="on-this-page">
      <AvatarStack members={here} most={6} />
      <span className="unseen">On this page: {nameList(here.map(({ userName }) => userName))}</span>
    </div>
  );
}
