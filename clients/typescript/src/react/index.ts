"use client";

export { PresenceProvider, type PresenceProviderProps, usePresence } from "./context.ts";
export {
  type FollowMode,
  type MyPresence,
  useCursors,
  useFollowMode,
  useMember,
  useMembersAt,
  useMyPresence,
  useOthers,
  useWorkspacePresence,
  type WorkspacePresence,
} from "./hooks.ts";
export { type Equality, shallow, useSelection } from "./select.ts";
