/** The pretend workspace's pages; the address bar holds the present one as `#/path`. */

import { useCallback, useEffect, useState } from "react";

export const PAGES = [
  { path: "/roadmap", title: "Roadmap" },
  { path: "/design", title: "Design" },
  { path: "/budget", title: "Budget" },
  { path: "/notes", title: "Notes" },
  { path: "/launch", title: "Launch" },
] as const;

export type PagePath = (typeof PAGES)[number]["path"];

const find = (path: string) => PAGES.find((page) => page.path === path);

export const titleOf = (path: string) => find(path)?.title ?? path;
export const hasPage = (path: string): path is PagePath => find(path) !== undefined;

function fromAddress(): PagePath {
  const wanted = location.hash.slice(1);
  return hasPage(wanted) ? wanted : PAGES[0].path;
}

export interface Route {
  readonly path: PagePath;
  /** How often the visitor went to another page by themselves. */
  readonly ownMoves: number;
  /** Goes to a page, if it is one of ours. */
  readonly go: (path: string) => void;
}

export function useRoute(): Route {
  const [path, setPath] = useState(fromAddress);
  const [ownMoves, setOwnMoves] = useState(0);
  useEffect(() => {
    /** A link, the back button and a typed address arrive here; `go` does not. */
    const moved = () => {
      setPath(fromAddress());
      setOwnMoves((count) => count + 1);
    };
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  const go = useCallback((wanted: string) => {
    if (!hasPage(wanted)) return;
    history.pushState(null, "", `#${wanted}`);
    setPath(wanted);
  }, []);
  return { path, ownMoves, go };
}
