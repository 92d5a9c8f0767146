/** A place in one room: wires the parts together. What each does is in its own file. */

import { isVisible, watch } from "./activity.ts";
import { createGuide } from "./guide.ts";
import { createInbox } from "./inbox.ts";
import { type Link, openLink } from "./link.ts";
import { emptyRoom, type Message, type Room, reduce, resynced } from "./room.ts";
import { createStore } from "./store.ts";
import type {
  Presence,
  PresenceError,
  PresenceOptions,
  Refusal,
  RegisteredCursor,
  RegisteredData,
  Snapshot,
} from "./types.ts";
import { createVoice } from "./voice.ts";

const IDLE_MS = 120_000;
const STOP_FOLLOWING_ON = ["pointerdown", "keydown", "wheel", "touchmove"];

const warn = ({ code, message }: PresenceError) => console.warn(`presence: ${code}: ${message}`);

/** Joins a room and stays in it, whatever happens to its connections, until `close`. */
export function connectPresence<Data = RegisteredData, Cursor = RegisteredCursor>(
  options: PresenceOptions,
): Presence<Data, Cursor> {
  const presence = createPresence<Data, Cursor>(options);
  presence.connect();
  return presence;
}

/** The same, but it dials and listens to nothing before `connect`. */
export function createPresence<Data = RegisteredData, Cursor = RegisteredCursor>(
  options: PresenceOptions,
): Presence<Data, Cursor> {
  const { idleAfter = IDLE_MS, stopFollowingOn = STOP_FOLLOWING_ON, onError = warn } = options;
  const { getSnapshot, subscribe, set } = createStore<Data, Cursor>();
  let room: Room<Data, Cursor> = emptyRoom;
  let link: Link | null = null;
  let unwatch = () => {};
  let resyncTimer: ReturnType<typeof setTimeout> | undefined;
  let touchedAt = -1e9; // nobody has looked at it yet
  let isAway = false;
  let override: "online" | "away" | null = null;

  // Speaking.

  const voice = createVoice<Data, Cursor>(
    () => link,
    () => Math.round(performance.now() - touchedAt),
    () => getSnapshot().members.size < 2,
  );
  const beThere = () => voice.be(override ?? (isAway ? "away" : "online"));
  const touch = () => {
    touchedAt = performance.now();
  };
  /** Where there is no page to watch, to say something is the sign of life. */
  const touchByWord = () => {
    if (!globalThis.document) touch();
  };

  // Following.

  const guide = createGuide<Data, Cursor>((following, lost) => {
    voice.follow(following?.userId);
    set({ following, lost });
  });
  const look = () => guide.look(getSnapshot(), voice.location());

  // Hearing.

  const inbox = createInbox<Message>((messages) => {
    const before = room;
    room = reduce(room, messages, performance.now());
    if (room === before) return;
    askAgain();
    const { members, cursors, live } = room;
    set({ members, cursors, ...(live && ({ status: "online" } as Snapshot<Data, Cursor>)) });
    look();
    voice.point();
  });

  const receive = (message: Message) => {
    if (message.type === "welcome") {
      set({ me: message });
      if (!message.observe) voice.begin();
    }
    inbox.add(message, message.type === "presence_snapshot");
  };

  const askAgain = () => {
    clearTimeout(resyncTimer);
    if (room.resyncAt === null || !link) return;
    const now = performance.now();
    if (now >= room.resyncAt) {
      link.send({ type: "resync" });
      room = resynced(room, now);
    }
    resyncTimer = setTimeout(askAgain, room.resyncAt! - now);
  };

  const quiet = () => {
    voice.stop();
    inbox.stop();
    clearTimeout(resyncTimer);
  };

  const end = (status: "refused" | "closed", refusal: Refusal | null) => {
    quiet();
    link = null;
    unwatch();
    set({ status, refusal } as Snapshot<Data, Cursor>);
    guide.follow(null);
  };

  const connect = () => {
    if (link) return link.wake();
    // Nowhere to go yet, or a server that renders the page.
    if (!options.room || (!globalThis.window && !options.WebSocket)) return;
    if (isVisible()) touch();
    set({ status: "connecting", refusal: null });
    link = openLink(options, {
      message: receive,
      down: () => {
        quiet();
        if (getSnapshot().status === "online") set({ status: "reconnecting" });
        look();
      },
      refused: (refusal) => end("refused", refusal),
      error: onError,
    });
    unwatch = watch(idleAfter, {
      input: (event) => {
        touch();
        guide.input(event, stopFollowingOn);
      },
      away: (away) => {
        isAway = away;
        beThere();
      },
      wake: (isLookedAt) => {
        if (isLookedAt) {
          touch();
          voice.speakUp();
        }
        link?.wake();
      },
    });
  };

  return {
    subscribe,
    getSnapshot,
    connect,
    close() {
      link?.close();
      end("closed", null);
    },
    update(location) {
      guide.moved(location.currentPath, voice.location()?.currentPath);
      touchByWord();
      voice.locate(location);
    },
    setCursor: voice.point,
    setStatus(status) {
      override = status;
      touchByWord();
      beThere();
    },
    follow(userId) {
      guide.follow(userId ? { userId, userName: userId, isHere: true } : null);
      look(); // which finds the name
    },
    refresh: () => link?.refresh(),
    onNavigate(navigate) {
      const remove = guide.add(navigate);
      look();
      return remove;
    },
  };
}
