/** The others' pointers on the sheet. */

import type { Entry } from "@presence-server/client";
import { useCursors, useWorkspacePresence } from "@presence-server/client/react";
import { useLayoutEffect, useReducer, useRef } from "react";
import { useColour, who } from "./colours.tsx";
import { type Pointer, place } from "./pointer.ts";
import { shownName } from "./text.ts";

const MOST_SHOWN = 50;
/** A label this near to the right edge hangs to the left of its arrow. */
const LABEL_PX = 170;

export function Cursors({ path, sheet }: { path: string; sheet: HTMLElement }) {
  const { isConnected } = useWorkspacePresence();
  const known = useCursors({ currentPath: path });
  const cursors = isConnected ? known : []; // nobody points where they did a minute ago
  useRelayout(sheet);
  return (
    <div className="cursors" aria-hidden="true">
      {cursors.slice(0, MOST_SHOWN).map(({ member, cursor }) => (
        <Cursor key={member.userId} member={member} cursor={cursor} sheet={sheet} />
      ))}
    </div>
  );
}

interface CursorProps {
  readonly member: Entry;
  readonly cursor: Pointer;
  readonly sheet: HTMLElement;
}

/** Placed after every render, for only then is known where its anchor is. */
function Cursor({ member, cursor, sheet }: CursorProps) {
  const element = useRef<HTMLDivElement>(null);
  const colour = useColour(member.userId);
  useLayoutEffect(() => {
    const drawn = element.current!;
    const at = place(sheet, cursor);
    drawn.hidden = !at;
    if (!at) return;
    drawn.style.transform = `translate(${at.left}px, ${at.top}px)`;
    const isAtEdge = at.left > sheet.clientWidth - LABEL_PX;
    drawn.setAttribute("data-side", isAtEdge ? "left" : "right");
  });
  return (
    <div
      ref={element}
      className="cursor"
      style={who(colour)}
      data-testid="cursor"
      data-status={member.status}
      hidden
    >
      <svg viewBox="0 0 16 20" aria-hidden="true">
        <path d="M1.5 1.5v14.2l3.9-3.5 2.5 5.7 2.9-1.3-2.5-5.6h5.2z" />
      </svg>
      <bdi>{shownName(member.userName)}</bdi>
    </div>
  );
}

/** Renders again when the sheet is laid out anew. */
function useRelayout(sheet: HTMLElement) {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(render);
    observer.observe(sheet);
    return () => observer.disconnect();
  }, [sheet]);
}
