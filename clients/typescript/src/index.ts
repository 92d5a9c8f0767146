export { connectPresence, createPresence, emptySnapshot } from "./presence.ts";
export { cursorsAt, followersOf, isAt, membersAt, othersOf } from "./select.ts";
export type * from "./types.ts";
