export { connectPresence, createPresence } from "./presence.ts";
export {
  changesBetween,
  cursorsAt,
  followersOf,
  isAt,
  type MemberCursor,
  membersAt,
  othersOf,
  type Resource,
} from "./select.ts";
export { emptySnapshot } from "./store.ts";
export type * from "./types.ts";
