/** The colours of the people in the room, for every component. */

import { useWorkspacePresence } from "@presence-server/client/react";
import { type CSSProperties, createContext, type ReactNode, useContext, useState } from "react";
import { assign, type Colours, PALETTE } from "./palette.ts";

const none: Colours = new Map();
const Context = createContext(none);

export function ColourProvider({ children }: { children: ReactNode }) {
  const { presenceMap } = useWorkspacePresence();
  const [colours, setColours] = useState(none);
  const next = assign(colours, presenceMap.values());
  if (next !== colours) setColours(next);
  return <Context value={next}>{children}</Context>;
}

/** Somebody's colour; undefined while they are not here. */
export const useColour = (userId: string): string | undefined =>
  PALETTE[useContext(Context).get(userId) ?? -1];

/** A style that sets `--who`. */
export const who = (colour: string | undefined) =>
  (colour ? { "--who": colour } : {}) as CSSProperties;
