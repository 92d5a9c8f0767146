import { useCallback, useEffect, useState } from "react";

const PAUSE_MS = 3_000;

/** Whether the visitor is typing, and what to call at each stroke. */
export function useTyping(): [typing: boolean, type: () => void] {
  const [strokes, setStrokes] = useState(0);
  useEffect(() => {
    if (strokes === 0) return;
    const timer = setTimeout(() => setStrokes(0), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [strokes]);
  return [strokes > 0, useCallback(() => setStrokes((count) => count + 1), [])];
}
