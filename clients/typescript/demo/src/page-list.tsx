/** The pages, and who is on each of them. */

import { useMembersAt } from "@presence-server/client/react";
import { AvatarStack } from "./avatar.tsx";
import { byArrival } from "./palette.ts";
import { PAGES } from "./route.ts";
import { nameList } from "./text.ts";

export function PageList({ path }: { path: string }) {
  return (
    <nav className="pages" aria-label="Pages">
      <h2>Pages</h2>
      <ul>
        {PAGES.map((page) => (
          <li key={page.path}>
            <PageLink {...page} isCurrent={page.path === path} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface PageLinkProps {
  readonly path: string;
  readonly title: string;
  readonly isCurrent: boolean;
}

function PageLink({ path, title, isCurrent }: PageLinkProps) {
  const here = [...useMembersAt({ currentPath: path })].sort(byArrival);
  const names = here.map(({ userName }) => userName);
  return (
    <a href={`#${path}`} aria-current={isCurrent ? "page" : undefined} data-testid="page-link">
      {title}
      {here.length > 0 && <span className="unseen">(here: {nameList(names)})</span>}
      <AvatarStack members={here} most={4} />
    </a>
  );
}
