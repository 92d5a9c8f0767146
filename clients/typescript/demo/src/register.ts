/** What this application's cursors are made of. */

import type { Pointer } from "./pointer.ts";

declare module "@presence-server/client" {
  interface Register {
    cursor: Pointer;
  }
}
