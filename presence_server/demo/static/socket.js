/**
 * One connection for the life of the window: dials, pings, renews its token, and comes back after
 * every loss but those that the server says are final. It knows nothing of rooms.
 *
 * @typedef {"connecting" | "live" | "waiting" | "stopped"} Phase
 */

const WELCOME_MS = 10_000;
const PING_EVERY_MS = 10_000;
const PONG_MS = 5_000;
const STABLE_MS = 10_000;
const LONGEST_WAIT_S = 30;
const TOKEN_RETRY_MS = 3_000;
const CONGESTED_BYTES = 64 * 1024;

/** Closes after which dialling again would be wrong, by number and never by text. */
const FINAL = new Map([
  [1009, "This page sent more than the server accepts."],
  [4400, "The server and this page do not speak the same protocol."],
  [4403, "The server does not let this page into the room."],
  [4404, "The server has no such place."],
  [4409, "This connection was taken over by another window."],
  [4410, "You were removed from the room."],
]);

export class PresenceSocket {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Phase} */ #phase = "stopped";
  #options;
  #dials = 0; // tells a dial that was given up from the one that counts
  #losses = 0;
  #refused = { times: 0, invalid: 0 }; // 4401 in a row
  #liveSince = 0;
  #renewals = 0;
  #renewWanted = false;
  #timers = { dial: 0, welcome: 0, ping: 0, pong: 0 };

  /**
   * @param {object} options
   * @param {(token: string) => string} options.address
   * @param {() => Promise<string>} options.fetchToken  asked afresh on every dial
   * @param {(message: any) => void} options.onMessage
   * @param {(phase: Phase, text: string) => void} options.onPhase
   */
  constructor(options) {
    this.#options = options;
    window.addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#heard(); // a hidden page's timers run late
      else this.wake();
    });
    window.addEventListener("pagehide", () => this.#drop());
    window.addEventListener("pageshow", (event) => event.persisted && this.connect());
  }

  get live() {
    return this.#phase === "live";
  }

  /** Dial now and forget earlier failures: the visitor asked for it. */
  connect() {
    this.#forgive();
    this.#dial();
  }

  /** The network or the visitor is back: no reason to wait, a reason to doubt. */
  wake() {
    if (this.#phase === "waiting") this.#dial();
    else if (this.live) this.#ping();
  }

  /**
   * @param {object} message
   * @returns {boolean} whether it went out
   */
  send(message) {
    if (!this.live || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** True while the network is behind: not the time for what the next message replaces anyway. */
  get congested() {
    return (this.#socket?.bufferedAmount ?? 0) > CONGESTED_BYTES;
  }

  /** A fresh token in band: the old one runs out, or says the wrong name. */
  async renewToken() {
    if (!this.live) {
      this.#renewWanted = true;
      return;
    }
    const renewal = ++this.#renewals;
    const dial = this.#dials;
    const current = () => renewal === this.#renewals && dial === this.#dials;
    try {
      const token = await this.#options.fetchToken();
      if (current()) this.send({ type: "token_refresh", token });
    } catch {
      setTimeout(() => current() && this.renewToken(), TOKEN_RETRY_MS);
    }
  }

  async #dial() {
    this.#drop();
    const dial = ++this.#dials;
    this.#enter("connecting", "Connecting…");
    this.#renewWanted = false;
    let token;
    try {
      token = await this.#options.fetchToken();
    } catch (error) {
      if (dial === this.#dials) this.#lost(`No token: ${error.message}.`);
      return;
    }
    if (dial !== this.#dials) return;
    const socket = new WebSocket(this.#options.address(token));
    this.#socket = socket;
    this.#timers.welcome = setTimeout(() => this.#lost("No answer."), WELCOME_MS);
    socket.onmessage = (event) => socket === this.#socket && this.#receive(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#heard();
    const message = parse(data);
    if (!message) return;
    if (message.type === "welcome") this.#welcomed();
    if (message.type === "token_refresh_required") this.renewToken();
    this.#options.onMessage(message);
  }

  /** Any word counts as a sign of life. */
  #heard() {
    clearTimeout(this.#timers.pong);
    this.#timers.pong = 0;
  }

  #welcomed() {
    clearTimeout(this.#timers.welcome);
    clearInterval(this.#timers.ping);
    this.#timers.ping = setInterval(() => this.#ping(), PING_EVERY_MS);
    this.#liveSince = performance.now();
    this.#enter("live", "Connected");
    if (this.#renewWanted) this.renewToken();
  }

  #ping() {
    if (document.hidden || this.#timers.pong) return;
    if (!this.send({ type: "ping" })) return;
    this.#timers.pong = setTimeout(() => this.#lost("The server has gone silent."), PONG_MS);
  }

  /** @param {CloseEvent} event */
  #closed({ code, reason }) {
    const final = FINAL.get(code);
    if (final) return this.#stop(final);
    if (code === 4401) return this.#refusedToken(reason);
    return this.#lost(code === 4429 ? "The server has no place free." : "Connection lost.");
  }

  /** @param {string} reason */
  #refusedToken(reason) {
    this.#forgiveIfStable();
    this.#refused.times += 1;
    if (reason === "token_invalid") this.#refused.invalid += 1;
    if (this.#refused.invalid >= 3) return this.#stop("The server does not accept our tokens.");
    if (this.#refused.times === 1) return void this.#dial(); // it had run out: a new one will do
    return this.#lost("The server did not accept the token.");
  }

  /** @param {string} why */
  #lost(why) {
    this.#forgiveIfStable();
    this.#drop();
    this.#losses += 1;
    const ceiling = Math.min(LONGEST_WAIT_S, 2 ** this.#losses);
    const wait = 1 + Math.random() * (ceiling - 1); // full jitter: nobody comes back in step
    const when = navigator.onLine ? `in ${Math.round(wait)} s` : "when the network is back";
    this.#enter("waiting", `${why} Trying again ${when}.`);
    this.#timers.dial = setTimeout(() => this.#dial(), wait * 1000);
  }

  /** Only a connection that lasted wipes out earlier failures: else a welcome would feed a storm. */
  #forgiveIfStable() {
    if (this.live && performance.now() - this.#liveSince >= STABLE_MS) this.#forgive();
  }

  #forgive() {
    this.#losses = 0;
    this.#refused = { times: 0, invalid: 0 };
  }

  /** @param {string} why */
  #stop(why) {
    this.#drop();
    this.#enter("stopped", why);
  }

  /** Leave the present socket and dial behind: nothing they still say counts. */
  #drop() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = { dial: 0, welcome: 0, ping: 0, pong: 0 };
    this.#dials += 1;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /**
   * @param {Phase} phase
   * @param {string} text
   */
  #enter(phase, text) {
    this.#phase = phase;
    this.#options.onPhase(phase, text);
  }
}

/** @param {unknown} data */
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
