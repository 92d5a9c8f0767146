/**
 * The words of the wire (see `protocol/README.md`), as an application meets them.
 */

/** Any JSON object. */
export type Json = { readonly [key: string]: unknown };

/**
 * Tells the types of your own `data` and cursors once, for the whole application:
 *
 * ```ts
 * import "@presence-server/client";
 * declare module "@presence-server/client" {
 *   interface Register { data: { colour: string }; cursor: { x: number; y: number } }
 * }
 * ```
 *
 * They are what your pages send; nothing checks what other people's pages sent.
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface Register {}

export type RegisteredData = Register extends { data: infer Data } ? Data : Json;
export type RegisteredCursor = Register extends { cursor: infer Cursor } ? Cursor : Json;

/** Where somebody is. What two places have in common says whether two people meet there. */
export interface Place {
  readonly currentPath: string;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly versionId?: string | undefined;
}

/** What this page says of itself with `update`: whole, what is left out is cleared. */
export interface Location<Data = RegisteredData> extends Place {
  readonly activity?: string | undefined;
  readonly data?: Data | undefined;
}

/** What the room shows of one member. Never changed in place: a change is a new object. */
export interface Entry<Data = RegisteredData> extends Location<Data> {
  readonly userId: string;
  readonly userName: string;
  readonly userImage: string | null;
  readonly status: "online" | "away";
  readonly following?: string;
  readonly role: Role;
  /** UTC milliseconds. */
  readonly joinedAt: number;
}

export type Role = "viewer" | "commenter" | "operator";

/** What the server says on admission. */
export interface Welcome {
  readonly type: "welcome";
  readonly version: number;
  readonly userId: string;
  readonly connectionId: string;
  readonly role: Role;
  /** True: sees the room and is not in it. */
  readonly observe: boolean;
}

/** Why the server will not have us, by the table of close codes in the protocol. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

export type Status = "connecting" | "online" | "reconnecting" | "refused" | "closed";

/** Whom this page follows. */
export interface Following {
  readonly userId: string;
  readonly userName: string;
  /** False while the leader is gone, perhaps for a moment only. */
  readonly isHere: boolean;
}

interface Common<Data, Cursor> {
  /** Everybody in the room, oneself included, by user id. Stays as last known while reconnecting. */
  readonly members: ReadonlyMap<string, Entry<Data>>;
  /** Cursors stand beside the entries: moving one changes this map and leaves `members` alone. */
  readonly cursors: ReadonlyMap<string, Cursor>;
  /** Who the token says we are; null before the first welcome. */
  readonly me: Welcome | null;
  readonly following: Following | null;
  /** The leader who left for good while followed, until somebody is followed again. */
  readonly lost: Following | null;
}

/** All that is known at one moment. The same object until something changes. */
export type Snapshot<Data = RegisteredData, Cursor = RegisteredCursor> = Common<Data, Cursor> &
  (
    | { readonly status: Exclude<Status, "refused">; readonly refusal: null }
    | { readonly status: "refused"; readonly refusal: Refusal }
  );

/** Something the server would not take, or a token that was not to be had. */
export interface PresenceError {
  /**
   * An error code of the protocol; `no_token`; `no_connection` where dialling itself failed;
   * `refused` for a close that ends it, and for a token that is not taken time and again.
   */
  readonly code: string;
  readonly message: string;
  /** The type of the message that it answers. */
  readonly of?: string;
}

export interface PresenceOptions {
  /** The server: `presence.example.com` or `127.0.0.1:8787`. `ws://` before it forgoes TLS. */
  readonly host: string;
  /** The room's id, by convention `presence-{workspaceId}`. Nothing is dialled for an empty one. */
  readonly room: string;
  /** Called on every dial and whenever the server wants a new one. May fail: it is asked again. */
  readonly token: () => string | Promise<string>;
  /** `presence` unless the server knows others. */
  readonly party?: string | undefined;
  /** The connection's id. One of its own for each tab; by default a random one. */
  readonly id?: string | undefined;
  /** Milliseconds without input until this page is away: 120,000. `Infinity`: never by itself. */
  readonly idleAfter?: number | undefined;
  /** The input that ends following: pointerdown, keydown, wheel and touchmove. `[]`: none does. */
  readonly stopFollowingOn?: readonly Input[] | undefined;
  /** Told of what the server would not take; by default it goes to `console.warn`. */
  readonly onError?: ((error: PresenceError) => void) | undefined;
  /** The class to connect with, where the platform has none. Given, it dials on a server too. */
  readonly WebSocket?: unknown;
}

export type Input = "pointerdown" | "pointermove" | "keydown" | "wheel" | "touchmove" | "scroll";

/** Where to go to be with the leader. */
export type Navigate<Data = RegisteredData> = (path: string, leader: Entry<Data>) => void;

/** A place in one room, and the connection that holds it. */
export interface Presence<Data = RegisteredData, Cursor = RegisteredCursor> {
  /** Calls back after every change, at most once in 16 ms. Returns how to stop that. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly getSnapshot: () => Snapshot<Data, Cursor>;
  /** Says where the user is. Another place clears the cursor, and is told to who follows. */
  readonly update: (location: Location<Data>) => void;
  /** Moves the cursor, at most once a frame; null removes it. Nothing is sent while alone. */
  readonly setCursor: (cursor: Cursor | null) => void;
  /** Overrides what the user's input says; null goes by the input again. */
  readonly setStatus: (status: "online" | "away" | null) => void;
  /** Follows a user; null follows nobody. */
  readonly follow: (userId: string | null) => void;
  /** How to go where the leader goes. Returns how to stop that; the latest handler is the one asked. */
  readonly onNavigate: (navigate: Navigate<Data>) => () => void;
  /** Asks for a new token and hands it over, as after a change of the user's name or picture. */
  readonly refresh: () => void;
  /** Dials now: again after `close` or a refusal, at once while reconnecting. */
  readonly connect: () => void;
  /** Leaves the room. Everything it listened to is let go of. */
  readonly close: () => void;
}
