/**
 * The connection: partysocket, and what it lacks. Jitter, tokens and the wait before a dial live in
 * its `query`, which it awaits on every dial; it never waits by itself.
 */

import { PartySocket, type PartySocketOptions } from "partysocket";
import { createHeart } from "./heart.ts";
import { after, backoff, none } from "./reconnect.ts";
import type { Message } from "./room.ts";
import type { PresenceError, PresenceOptions, Refusal } from "./types.ts";

/** How long a token, an upgrade, and the wait after a dial that failed without a close may take. */
const PATIENCE_MS = 10_000;
/** A token for a refresh is asked for again within 8 s. */
const REFRESH_BACKOFF = 5;
const CONGESTED_BYTES = 16_384;
const OPEN = 1;

export interface Ears {
  readonly message: (message: Message) => void;
  /** The connection is gone; the next dial is on its way. */
  readonly down: () => void;
  /** The connection is gone for good. */
  readonly refused: (refusal: Refusal) => void;
  readonly error: (error: PresenceError) => void;
}

export type Link = ReturnType<typeof openLink>;

/** Dials at once, and again and again until it is closed or refused. */
export function openLink(options: PresenceOptions, ears: Ears) {
  const { host, room, party = "presence", id, token, WebSocket } = options;
  const [, scheme, secure] = /^(ws|http)(s?):/.exec(host) ?? [];
  let failures = none;
  let delay = 0;
  let dials = 0;
  let isClosed = false;
  let refusal: Refusal | null = null;
  let dialNow = () => {};

  const wait = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      dialNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** A token, or null where none came in time: then that was told. */
  const fetchToken = async (): Promise<string | null> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(reject, PATIENCE_MS, "too late");
    });
    try {
      if (isClosed) return null;
      const fresh = `${(await Promise.race([token(), late])) ?? ""}`.trim();
      if (/^[^\s<{"]+$/.test(fresh)) return fresh;
      throw "not a JWT"; // perhaps JSON, or the page of an error
    } catch (error) {
      if (!isClosed) ears.error({ code: "no_token", message: String(error) });
      return null;
    } finally {
      clearTimeout(timer);
    }
  };

  /** Waits its time and fetches a token, again and again until there is one. */
  const query = async () => {
    for (dials += 1; ; ) {
      if (delay) await wait();
      delay = PATIENCE_MS; // unless a close says otherwise: a dial may fail without one
      const fresh = await fetchToken();
      if (fresh !== null || isClosed) return { token: fresh };
      delay = backoff(failures.retries, Math.random());
      failures = { ...failures, retries: failures.retries + 1 };
    }
  };

  /** partysocket asks this, and tells of the close when it is done with it. */
  const shouldReconnectOnClose = ({ code, reason }: Refusal) => {
    if (isClosed) return false;
    const next = after({ code, reason }, failures, Math.random());
    failures = next.failures;
    delay = next.delay ?? 0;
    refusal = next.delay === null ? { code, reason } : null;
    return !refusal;
  };

  const socket = new PartySocket({
    host,
    protocol: scheme && (secure ? "wss" : "ws"),
    id,
    room: encodeURIComponent(room),
    party,
    query,
    minReconnectionDelay: 0,
    connectionTimeout: PATIENCE_MS,
    shouldReconnectOnClose,
    WebSocket,
  } as PartySocketOptions);

  /** Sends a message, or does nothing while there is no connection. */
  const send = (message: object) => {
    if (socket.readyState === OPEN) socket.send(JSON.stringify(message));
  };
  /** Gives up the connection for another one. */
  const redial = () => socket.reconnect();
  const heart = createHeart(() => send({ type: "ping" }), redial);

  /** Refreshes in band; while there is no token it tries again, until the connection ends. */
  const refresh = async () => {
    for (const dial = dials; ; ) {
      const fresh = await fetchToken();
      if (isClosed || dial !== dials) return;
      if (fresh) return send({ type: "token_refresh", token: fresh });
      await new Promise((resolve) => setTimeout(resolve, backoff(REFRESH_BACKOFF, Math.random())));
    }
  };

  socket.addEventListener("open", heart.beat);
  socket.addEventListener(
    "error",
    ({ message }) => message && ears.error({ code: "no_connection", message }),
  );
  socket.addEventListener("message", ({ data }) => {
    heart.heard();
    const message = parse(data);
    const { type } = message;
    if (type === "welcome") failures = none;
    if (type === "token_refresh_required") refresh();
    if (type === "error") {
      ears.error(message);
      if (message.code === "token_mismatch") redial();
    }
    ears.message(message);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    heart.stop();
    if (isClosed) return;
    isClosed = !!refusal;
    // Once a token may have run out in sleep; the second in a row is no accident.
    if (refusal || failures.unauthorized > 1) {
      ears.error({ code: "refused", message: `${code} ${reason}` });
    }
    if (refusal) ears.refused(refusal);
    else ears.down();
  });

  return {
    send,
    refresh,
    isCongested: () => socket.bufferedAmount > CONGESTED_BYTES,
    /** Dials at once where it waits to, and looks whether an open connection is alive. */
    wake() {
      delay = 0;
      failures = { ...failures, retries: 0 };
      dialNow();
      if (socket.readyState === OPEN) heart.beat();
    },
    /** Nothing is heard of it after this. */
    close() {
      isClosed = true;
      heart.stop();
      dialNow();
      socket.close();
    },
  };
}

/** The message of a text; an empty one, which means nothing to anybody, for anything else. */
function parse(text: unknown): Message {
  try {
    return JSON.parse(String(text)) ?? {};
  } catch {
    return {};
  }
}
