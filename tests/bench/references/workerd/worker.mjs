// A presence server on workerd, as PartyKit has it: a durable object for each room, and a broadcast
// that sends to each connection in turn.
import { addressed, reasonOf, Room } from "room.mjs";

export default {
  fetch(request, { PARTIES }) {
    const { room } = addressed(request.url);
    if (!room) return new Response("no such party", { status: 404 });
    return PARTIES.get(PARTIES.idFromName(room)).fetch(request);
  },
};

export class Party {
  constructor(state, { PRESENCE_JWT_SECRET }) {
    this.room = new Room((text) => this.broadcast(text));
    this.key = keyOf(PRESENCE_JWT_SECRET);
  }

  broadcast(text) {
    for (const member of this.room.entries.keys()) {
      try {
        member.send(text);
      } catch {
        // it is closing: "close" follows
      }
    }
  }

  async fetch(request) {
    const { connectionId, token } = addressed(request.url);
    const claims = await verified(token, await this.key);
    if (!claims) return new Response("token_invalid", { status: 401 });
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => this.room.take(server, data));
    server.addEventListener("close", ({ code }) => this.leave(server, code));
    server.addEventListener("error", () => this.leave(server, 1006));
    this.room.join(server, claims, connectionId);
    return new Response(null, { status: 101, webSocket: client });
  }

  leave(server, code) {
    if (this.room.entries.has(server)) this.room.leave(server, reasonOf(code));
  }
}

function keyOf(secret) {
  const bytes = new TextEncoder().encode(secret);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["verify"]);
}

// The claims of a token that is signed with the key and still in force, or nothing.
async function verified(token, key) {
  const parts = token.split(".");
  const [header, payload, signature] = parts.map(decoded);
  if (!signature || parsed(header).alg !== "HS256") return undefined;
  const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  if (!(await crypto.subtle.verify("HMAC", key, signature, signed))) return undefined;
  const claims = parsed(payload);
  return claims.exp > Date.now() / 1000 ? claims : undefined;
}

function decoded(part) {
  return Uint8Array.fromBase64(part, { alphabet: "base64url" });
}

function parsed(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}
