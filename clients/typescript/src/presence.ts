/** A place in one room: wires the parts together. What each does is in its own file. */

import { watch } from "./activity.ts";
import { Guide } from "./guide.ts";
import { Link } from "./link.ts";
import { emptyRoom, type Message, type Room, reduce, resynced } from "./room.ts";
import { Said } from "./said.ts";
import type {
  Following,
  Location,
  Navigate,
  Presence,
  PresenceError,
  PresenceOptions,
  Refusal,
  RegisteredCursor,
  RegisteredData,
  Snapshot,
} from "./types.ts";

const IDLE_MS = 120_000;
const STOP_FOLLOWING_ON = ["pointerdown", "keydown", "wheel", "touchmove"];
const FRAME_MS = 16;
const MOST_WAITING = 500;

/** Joins a room and stays in it, whatever happens to its connections, until `close`. */
export function connectPresence<Data = RegisteredData, Cursor = RegisteredCursor>(
  options: PresenceOptions,
): Presence<Data, Cursor> {
  const presence = createPresence<Data, Cursor>(options);
  presence.connect();
  return presence;
}

/** The same, but it dials and listens to nothing before `connect`. */
export const createPresence = <Data = RegisteredData, Cursor = RegisteredCursor>(
  options: PresenceOptions,
): Presence<Data, Cursor> => new Client<Data, Cursor>(options);

/** What is known before anything is: also what a server renders. */
// biome-ignore lint/suspicious/noExplicitAny: it has none of either
export const emptySnapshot: Snapshot<any, any> = {
  members: emptyRoom.members,
  cursors: emptyRoom.cursors,
  me: null,
  following: null,
  lost: null,
  status: "connecting",
  refusal: null,
};

class Client<Data, Cursor> implements Presence<Data, Cursor> {
  #options: PresenceOptions;
  #snapshot: Snapshot<Data, Cursor> = emptySnapshot;
  #listeners = new Set<() => void>();
  #room: Room<Data, Cursor> = emptyRoom;
  #waiting: Message[] = [];
  #window: ReturnType<typeof setTimeout> | undefined;
  #resync: ReturnType<typeof setTimeout> | undefined;
  #said = new Said<Data, Cursor>();
  #guide = new Guide<Data, Cursor>((following, lost) => this.#followed(following, lost));
  #link: Link | null = null;
  #isAdmitted = false;
  #willSpeak = false;
  #willPoint = false;
  #touchedAt = 0;
  #isAway = false;
  #override: "online" | "away" | null = null;
  #unwatch = () => {};

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  getSnapshot = () => this.#snapshot;

  subscribe = (listener: () => void) => {
    const own = () => listener(); // so that the same function may subscribe twice
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  };

  connect = () => {
    const { idleAfter = IDLE_MS, stopFollowingOn = STOP_FOLLOWING_ON, WebSocket } = this.#options;
    if (this.#link) return this.#link.wake();
    if (!globalThis.window && !WebSocket) return; // a server that renders the page
    this.#touchedAt = performance.now();
    this.#set({ status: "connecting", refusal: null });
    this.#unwatch = watch(idleAfter, {
      onInput: (event) => {
        this.#touchedAt = performance.now();
        this.#guide.input(event, stopFollowingOn);
      },
      onAway: (away) => {
        this.#isAway = away;
        this.#beThere();
      },
      onLook: () => {
        this.#touchedAt = performance.now();
        this.#said.speak();
        this.#speak();
      },
      onWake: () => this.#link?.wake(),
    });
    this.#link = new Link(this.#options, {
      onMessage: (message) => this.#receive(message),
      onDown: () => this.#down(),
      onRefused: (refusal) => this.#end("refused", refusal),
      onError: (error) => this.#report(error),
    });
  };

  close = () => {
    this.#link?.close();
    this.#end("closed", null);
  };

  update = (location: Location<Data>) => {
    this.#guide.moved(location.currentPath, this.#said.location?.currentPath);
    this.#said.locate(location);
    this.#touch();
    this.#speak();
  };

  setCursor = (cursor: Cursor | null) => {
    this.#said.point(cursor);
    this.#point();
  };

  setStatus = (status: "online" | "away" | null) => {
    this.#override = status;
    this.#touch();
    this.#beThere();
  };

  follow = (userId: string | null) => {
    const { members, me } = this.#snapshot;
    if (userId === me?.userId) return;
    const userName = members.get(userId!)?.userName ?? userId!;
    this.#guide.follow(userId === null ? null : { userId, userName, isHere: true });
    this.#guide.look(this.#snapshot, this.#said.location);
  };

  refresh = () => {
    this.#link?.refresh();
  };

  onNavigate = (navigate: Navigate<Data>) => {
    const remove = this.#guide.add(navigate);
    this.#guide.look(this.#snapshot, this.#said.location);
    return remove;
  };

  // Hearing.

  #receive(message: Message) {
    if (message.type === "welcome") {
      const { userId, connectionId, role, observe } = message;
      this.#isAdmitted = !observe;
      this.#set({ me: { userId, connectionId, role, observe } });
      this.#said.oweAll();
      this.#speak();
    }
    this.#waiting.push(message);
    const isUrgent = message.type === "presence_snapshot" || this.#waiting.length > MOST_WAITING;
    if (!this.#window || isUrgent) this.#take();
  }

  /** Takes in what waits, and what comes within a frame together after that. */
  #take = () => {
    const messages = this.#waiting;
    this.#waiting = [];
    const room = reduce(this.#room, messages, performance.now());
    clearTimeout(this.#window);
    this.#window = setTimeout(() => {
      this.#window = undefined;
      if (this.#waiting.length) this.#take();
    }, FRAME_MS);
    if (room === this.#room) return;
    this.#room = room;
    this.#askAgain();
    const { members, cursors, live } = room;
    this.#set(live ? { members, cursors, status: "online" } : { members, cursors });
    this.#guide.look(this.#snapshot, this.#said.location);
    this.#point();
  };

  #askAgain() {
    clearTimeout(this.#resync);
    const at = this.#room.resyncAt;
    if (at === null || !this.#link) return;
    const now = performance.now();
    if (now >= at) {
      this.#link.send({ type: "resync" });
      this.#room = resynced(this.#room, now);
    }
    this.#resync = setTimeout(() => this.#askAgain(), this.#room.resyncAt! - now);
  }

  #down() {
    this.#quiet();
    if (this.#snapshot.status === "online") this.#set({ status: "reconnecting" });
    this.#guide.look(this.#snapshot, this.#said.location);
  }

  #end(status: "refused" | "closed", refusal: Refusal | null) {
    this.#quiet();
    this.#link = null;
    this.#unwatch();
    this.#guide.follow(null);
    this.#set({ status, refusal } as Snapshot<Data, Cursor>);
  }

  #quiet() {
    this.#isAdmitted = false;
    clearTimeout(this.#resync);
    clearTimeout(this.#window);
    this.#window = undefined;
    this.#waiting = [];
  }

  #report(error: PresenceError) {
    const { onError = (it) => console.warn(`presence: ${it.code}: ${it.message}`) } = this.#options;
    onError(error);
  }

  // Speaking.

  #touch() {
    if (!globalThis.document) this.#touchedAt = performance.now();
  }

  #beThere() {
    this.#said.be(this.#override ?? (this.#isAway ? "away" : "online"));
    this.#speak();
  }

  /** Says what is owed, once for all that is said in one go. */
  #speak() {
    if (this.#willSpeak) return;
    this.#willSpeak = true;
    queueMicrotask(() => {
      this.#willSpeak = false;
      if (!this.#isAdmitted) return;
      const idleMs = Math.round(performance.now() - this.#touchedAt);
      for (const message of this.#said.take(idleMs)) this.#link?.send(message);
      this.#point();
    });
  }

  /** Sends the cursor in the next frame, if there is somebody to see it then. */
  #point() {
    const { members, me } = this.#snapshot;
    const isAlone = members.size < 2 && members.has(me?.userId ?? "");
    if (this.#willPoint || isAlone || !this.#isAdmitted || !this.#said.owesCursor) return;
    this.#willPoint = true;
    (globalThis.requestAnimationFrame ?? ((send) => setTimeout(send, FRAME_MS)))(() => {
      this.#willPoint = false;
      if (!this.#isAdmitted || !this.#said.owesCursor) return;
      if (this.#link?.isCongested) this.#point();
      else this.#link?.send(this.#said.takeCursor());
    });
  }

  #followed(following: Following | null, lost: Following | null) {
    this.#said.follow(following?.userId);
    this.#speak();
    this.#set({ following, lost });
  }

  #set(change: Partial<Snapshot<Data, Cursor>>) {
    const before = this.#snapshot;
    const after = { ...before, ...change } as Snapshot<Data, Cursor>;
    if ((Object.keys(change) as (keyof typeof after)[]).every((key) => before[key] === after[key]))
      return;
    this.#snapshot = after;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
