/** Renders only when what was selected has changed. */

import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { emptySnapshot } from "../store.ts";
import type { RegisteredCursor, RegisteredData, Snapshot } from "../types.ts";
import { usePresence } from "./context.ts";

export type Equality<T> = (a: T, b: T) => boolean;

/** Whether two values are the same, or lists or plain objects of the same things. */
export function shallow(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((it, at) => Object.is(it, b[at]));
  }
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a) as (keyof typeof a)[];
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]))
  );
}

/** Not a Set, Date or Map, whose contents are none of its keys. */
const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

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
