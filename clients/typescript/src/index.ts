export { connectPresence, createPresence } from "./presence.ts";
export { cursorsAt, followersOf, isAt, membersAt, othersOf } from "./select.ts";
export { emptySnapshot } from "./store.ts";
export type * from "./types.ts";
