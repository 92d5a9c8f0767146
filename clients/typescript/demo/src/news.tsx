/** Who came, who went and who follows the visitor, in one polite line that goes away again. */

import type { Entry } from "@presence-server/client";
import { useWorkspacePresence } from "@presence-server/client/react";
import { useEffect, useRef, useState } from "react";
import { isolated } from "./text.ts";

/** Long enough for a reload, which is then no news. */
const GATHER_MS = 1_000;
const SHOWN_MS = 8_000;
const MOST_NAMED = 3;

type Members = ReadonlyMap<string, Entry>;
type Timer = ReturnType<typeof setTimeout>;

export function News() {
  const news = useNews();
  return (
    <p className="news" role="status" data-testid="news">
      {news}
    </p>
  );
}

function useNews(): string {
  const { presenceMap, self, isConnected } = useWorkspacePresence();
  const [news, setNews] = useState("");
  const latest = useRef(presenceMap);
  const told = useRef<Members | null>(null);
  const timer = useRef<Timer | undefined>(undefined);
  const myId = self?.userId;
  useEffect(() => {
    latest.current = presenceMap;
    if (!isConnected) return;
    told.current ??= presenceMap;
    if (told.current === presenceMap) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const said = compare(told.current!, latest.current, myId);
      told.current = latest.current;
      if (said) setNews(said);
    }, GATHER_MS);
  }, [presenceMap, isConnected, myId]);
  useEffect(() => {
    if (!news) return;
    const fading = setTimeout(() => setNews(""), SHOWN_MS);
    return () => clearTimeout(fading);
  }, [news]);
  return news;
}

function compare(before: Members, after: Members, myId: string | undefined): string {
  const sentences = [];
  for (const { userId, userName, following } of after.values()) {
    if (userId === myId) continue;
    const was = before.get(userId);
    if (!was) sentences.push(`${isolated(userName)} joined`);
    if (following && following === myId && was?.following !== myId) {
      sentences.push(`${isolated(userName)} follows you`);
    }
  }
  for (const { userId, userName } of before.values()) {
    if (userId !== myId && !after.has(userId)) sentences.push(`${isolated(userName)} left`);
  }
  if (sentences.length > MOST_NAMED) return `${sentences.length} people came or went`;
  return sentences.join(", ");
}
