// The two kinds of client that a restart is tried with: each is whoever shows what it knows.

import PartySocket from "../../clients/typescript/node_modules/partysocket/dist/index.js";
import { connectPresence } from "../../clients/typescript/src/index.ts";

/** Our client, as it is. */
function ours(path, options) {
  const presence = connectPresence({ ...options, onError: () => {} });
  presence.update({ currentPath: path });
  return { map: () => presence.getSnapshot().members, leave: presence.close };
}

/** partysocket as it comes from npm, all by its defaults, with what protocol/README.md does by hand. */
function partysocket(path, { token, ...options }) {
  const people = new Map();
  const query = async () => ({ token: await token() });
  const socket = new PartySocket({ ...options, party: "presence", query });
  socket.addEventListener("message", ({ data }) => {
    const { type, seq, users, ...entry } = JSON.parse(data);
    if (type === "welcome") socket.send(JSON.stringify({ type: "presence_update", currentPath: path }));
    if (type === "presence_snapshot") {
      people.clear();
      for (const user of users) people.set(user.userId, user);
    }
    if (type === "user_joined" || type === "presence_changed") people.set(entry.userId, entry);
    if (type === "user_left") people.delete(entry.userId);
  });
  return { map: () => people, leave: () => socket.close() };
}

export const kinds = { ours, partysocket };
