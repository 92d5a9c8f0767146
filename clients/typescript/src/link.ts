/**
 * The connection: partysocket, and what it lacks. Jitter, tokens and the wait before a dial live in
 * its `query`, which it awaits on every dial; it never waits by itself.
 */

import { PartySocket } from "partysocket";
import { Heart } from "./heart.ts";
import { after, backoff, none } from "./reconnect.ts";
import type { Message } from "./room.ts";
import type { PresenceError, PresenceOptions, Refusal } from "./types.ts";

const TOKEN_MS = 10_000;
/** A token for a refresh is asked for again within 8 s. */
const REFRESH_BACKOFF = 3;
const CONGESTED_BYTES = 16_384;

export interface Ears {
  readonly onMessage: (message: Message) => void;
  /** The connection is gone; the next dial is on its way. */
  readonly onDown: () => void;
  /** The connection is gone for good. */
  readonly onRefused: (refusal: Refusal) => void;
  readonly onError: (error: PresenceError) => void;
}

export class Link {
  #ears: Ears;
  #token: PresenceOptions["token"];
  #socket: PartySocket;
  #failures = none;
  #delay = 0;
  #dials = 0;
  #isClosed = false;
  #refusal: Refusal | null = null;
  #dialNow = () => {};
  #heart = new Heart(
    () => this.send({ type: "ping" }),
    () => this.redial(),
  );

  constructor({ host, room, party, id, token, WebSocket }: PresenceOptions, ears: Ears) {
    this.#ears = ears;
    this.#token = token;
    const [, plain, secure, name] = /^(?:(?:(ws|http)|(wss|https)):\/\/)?(.*)$/.exec(host)!;
    this.#socket = new PartySocket({
      host: name!,
      ...(plain && { protocol: "ws" }),
      ...(secure && { protocol: "wss" }),
      ...(id && { id }),
      room: encodeURIComponent(room),
      party: party ?? "presence",
      query: this.#dial,
      minReconnectionDelay: 0,
      maxReconnectionDelay: 0,
      shouldReconnectOnClose: this.#decide,
      ...(WebSocket ? { WebSocket } : null),
    });
    this.#socket.addEventListener("open", this.#heart.beat);
    this.#socket.addEventListener("message", this.#receive);
    this.#socket.addEventListener("close", this.#down);
  }

  /** Sends a message, or does nothing while there is no connection. */
  send(message: object) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Whether what was sent still waits: what may be left out is better left out. */
  get isCongested() {
    return this.#socket.bufferedAmount > CONGESTED_BYTES;
  }

  /** Dials at once where it waits to, and looks whether an open connection is alive. */
  wake() {
    this.#dialNow();
    if (this.#socket.readyState === 1) this.#heart.beat();
  }

  /** Gives up the connection for another one. */
  redial() {
    this.#socket.reconnect();
  }

  /** Nothing is heard of it after this. */
  close() {
    this.#isClosed = true;
    this.#heart.stop();
    this.#dialNow();
    this.#socket.close();
  }

  /** Waits its time and fetches a token, again and again until there is one. */
  #dial = async () => {
    this.#dials += 1;
    for (;;) {
      if (this.#delay) await this.#wait();
      const token = await this.#fetchToken();
      if (token !== null || this.#isClosed) return { token };
      this.#delay = backoff(this.#failures.retries, Math.random());
      this.#failures = { ...this.#failures, retries: this.#failures.retries + 1 };
    }
  };

  #wait() {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#delay);
      this.#dialNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A token, or null where none came in time: then that was told. */
  async #fetchToken(): Promise<string | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no token within ${TOKEN_MS} ms`)), TOKEN_MS);
    });
    try {
      return this.#isClosed ? null : await Promise.race([this.#token(), late]);
    } catch (error) {
      if (!this.#isClosed) this.#ears.onError({ code: "no_token", message: String(error) });
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Refreshes in band; while there is no token it tries again, until the connection ends. */
  async refresh() {
    const dial = this.#dials;
    for (;;) {
      const token = await this.#fetchToken();
      if (this.#isClosed || dial !== this.#dials) return;
      if (token) return this.send({ type: "token_refresh", token });
      await new Promise((resolve) => setTimeout(resolve, backoff(REFRESH_BACKOFF, Math.random())));
    }
  }

  #receive = ({ data }: MessageEvent) => {
    this.#heart.heard();
    const message = parse(data);
    if (message.type === "welcome") this.#failures = none;
    if (message.type === "token_refresh_required") this.refresh();
    if (message.type === "error") {
      this.#ears.onError(message);
      if (message.code === "token_mismatch") this.redial();
    }
    this.#ears.onMessage(message);
  };

  /** partysocket asks this, and tells of the close when it is done with it. */
  #decide = (closed: Refusal) => {
    if (this.#isClosed) return false;
    const { delay, failures } = after(closed, this.#failures, Math.random());
    this.#failures = failures;
    this.#delay = delay ?? 0;
    this.#refusal = delay === null ? { code: closed.code, reason: closed.reason } : null;
    return delay !== null;
  };

  #down = () => {
    this.#heart.stop();
    if (this.#isClosed) return;
    if (this.#refusal) {
      this.#isClosed = true;
      this.#ears.onRefused(this.#refusal);
    } else this.#ears.onDown();
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
