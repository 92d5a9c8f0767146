/** The others' pointers on the sheet. */

import type { Entry } from "@presence-server/client";
import { useCursors, useWorkspacePresence } from "@presence-server/client/react";
import { memo, useLayoutEffect, useReducer, useRef } from "react";
import { useColour, who } from "./colours.tsx";
import { place, type Spot } from "./pointer.ts";
import { shownName } from "./text.ts";

const MOST_SHOWN = 50;
/** A label this near to the right edge hangs to the left of its arrow. */
const LABEL_PX = 170;

export function Cursors({ path, sheet }: { path: string; sheet: HTMLElement }) {
  const { isConnected } = useWorkspacePresence();
  const known = useCursors({ currentPath: path });
  // Nobody points where they did a minute ago.
  const cursors = isConnected ? known.slice(0, MOST_SHOWN) : [];
  const layer = useRef<HTMLDivElement>(null);
  useRelayout(sheet);
  useLayoutEffect(() => {
    const pointers = cursors.map(({ cursor }) => cursor);
    const width = sheet.clientWidth;
    const spots = place(sheet, pointers);
    for (const [at, spot] of spots.entries()) {
      move(layer.current!.children[at] as HTMLElement, spot, width);
    }
  });
  return (
    <div ref={layer} className="cursors" aria-hidden="true">
      {cursors.map(({ member }) => (
        <Cursor key={member.userId} member={member} />
      ))}
    </div>
  );
}

function move(drawn: HTMLElement, spot: Spot | null, width: number) {
  drawn.hidden = !spot;
  if (!spot) return;
  drawn.style.transform = `translate(${spot.left}px, ${spot.top}px)`;
  const side = spot.left > width - LABEL_PX ? "left" : "right";
  if (drawn.dataset.side !== side) drawn.dataset.side = side;
}

/** Renders when its member changes; it is moved from outside. */
const Cursor = memo(function Cursor({ member }: { member: Entry }) {
  const colour = useColour(member.userId);
  return (
    <div
      className="cursor"
      style={who(colour)}
      data-testid="cursor"
      data-status={member.status}
      hidden
    >
      <svg viewBox="0 0 16 20" aria-hidden="true">
        <path className="edge" d="M1.5 1.5v14.2l3.9-3.5 2.5 5.7 2.9-1.3-2.5-5.6h5.2z" />
        <path d="M1.5 1.5v14.2l3.9-3.5 2.5 5.7 2.9-1.3-2.5-5.6h5.2z" />
      </svg>
      <bdi>{shownName(member.userName)}</bdi>
    </div>
  );
});

/** Renders again when the sheet is laid out anew. */
function useRelayout(sheet: HTMLElement) {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(render);
    observer.observe(sheet);
    return () => observer.disconnect();
  }, [sheet]);
}
