/** Renders only when what was selected has changed. */

import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { emptySnapshot } from "../store.ts";
import type { RegisteredCursor, RegisteredData, Snapshot } from "../types.ts";
import { usePresence } from "./context.ts";

export type Equality<T> = (a: T, b: T) => boolean;

/** Whether two values are the same, or lists or plain objects of the same things. */
export function shallow(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  if (Array.isArray(a) !== Array.isArray(b) || a instanceof Map || b instanceof Map) return false;
  const keys = Object.keys(a) as (keyof typeof a)[];
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]))
  );
}

/** What a pure `select` makes of the snapshot; the same value for as long as `equal` says so. */
export function useSelection<T, Data = RegisteredData, Cursor = RegisteredCursor>(
  select: (snapshot: Snapshot<Data, Cursor>) => T,
  equal: Equality<T> = shallow,
): T {
  const { subscribe, getSnapshot } = usePresence<Data, Cursor>();
  const shown = useRef<{ value: T } | null>(null);
  const [get, getOnServer] = useMemo(() => {
    let last: { snapshot: Snapshot<Data, Cursor>; value: T } | null = null;
    const from = (snapshot: Snapshot<Data, Cursor>) => {
      if (last?.snapshot === snapshot) return last.value;
      const known = last ?? shown.current;
      const next = select(snapshot);
      const value = known && equal(known.value, next) ? known.value : next;
      last = { snapshot, value };
      return value;
    };
    return [() => from(getSnapshot()), () => from(emptySnapshot)];
  }, [getSnapshot, select, equal]);
  const value = useSyncExternalStore(subscribe, get, getOnServer);
  useEffect(() => {
    shown.current = { value };
  });
  return value;
}
