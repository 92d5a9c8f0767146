// A presence server on Node.js and ws: an event is sent to each member in turn.
import { readFileSync } from "node:fs";
import { WebSocketServer } from "ws";
import { addressed, Rooms } from "./room.mjs";
import { verified } from "./token.mjs";

const manifest = new URL("node_modules/ws/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(manifest));

const rooms = new Rooms((name, text) => {
  for (const member of rooms.get(name).entries.keys()) member.send(text);
});

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const { room, connectionId, token } = addressed(request.url);
  const claims = room && verified(token);
  if (!claims) return socket.close(4401, "token_invalid");
  rooms.join(room, socket, claims, connectionId);
  socket.on("message", (data) => rooms.get(room).take(socket, data));
  socket.on("close", (code) => rooms.leave(room, socket, code));
  socket.on("error", () => {}); // "close" follows
});
server.on("listening", () => {
  console.log(`ws ${version} listening on http://127.0.0.1:${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
