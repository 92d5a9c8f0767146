/** The connection that a tree of components shares. */

import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
} from "react";
import { createPresence } from "../presence.ts";
import type { Presence, PresenceOptions, RegisteredCursor, RegisteredData } from "../types.ts";

// biome-ignore lint/suspicious/noExplicitAny: a context has one type for all
const Context = createContext<Presence<any, any> | null>(null);

export type PresenceProviderProps = { readonly children?: ReactNode } & (
  | ({ readonly presence?: undefined } & PresenceOptions)
  // biome-ignore lint/suspicious/noExplicitAny: of whatever types it was made
  | { readonly presence: Presence<any, any> }
);

/**
 * Connects when it is mounted and leaves when it is unmounted; renders nothing of its own.
 *
 * Another `host`, `room`, `party` or `id` is another connection; `token` and `onError` may change
 * with every render. Or give it a `presence` that you connect and close yourself.
 */
export function PresenceProvider({ children, ...props }: PresenceProviderProps): ReactNode {
  const own = useOwnPresence(props.presence ? null : (props as PresenceOptions));
  return createElement(Context.Provider, { value: props.presence ?? own }, children);
}

function useOwnPresence(options: PresenceOptions | null): Presence | null {
  const latest = useRef(options);
  useInsertionEffect(() => {
    latest.current = options; // before any child's effect may ask for it
  });
  const key = options && JSON.stringify([options.host, options.room, options.party, options.id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` has all that makes another one
  const presence = useMemo(
    () =>
      options &&
      createPresence({
        ...options,
        token: () => latest.current!.token(),
        onError: (error) => {
          const told = latest.current?.onError;
          if (told) told(error);
          else console.warn(`presence: ${error.code}: ${error.message}`);
        },
      }),
    [key],
  );
  useEffect(() => (presence ? hold(presence) : undefined), [presence]);
  return presence;
}

const holds = new WeakMap<Presence, number>();

/** Connects. To be let go of and held again in one go, as Strict Mode does, changes nothing. */
function hold(presence: Presence): () => void {
  const mine = (holds.get(presence) ?? 0) + 1;
  holds.set(presence, mine);
  presence.connect();
  return () =>
    queueMicrotask(() => {
      if (holds.get(presence) === mine) presence.close();
    });
}

/** The connection itself. Throws outside of a `PresenceProvider`. */
export function usePresence<Data = RegisteredData, Cursor = RegisteredCursor>(): Presence<
  Data,
  Cursor
> {
  const presence = useContext(Context);
  if (!presence) throw new Error("presence hooks need a <PresenceProvider> around them");
  return presence;
}
