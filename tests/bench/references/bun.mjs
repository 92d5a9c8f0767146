// A presence server on Bun: its own pub/sub hands an event to everybody who is subscribed.
import { addressed, Rooms } from "./room.mjs";
import { verified } from "./token.mjs";

const rooms = new Rooms((name, text) => server.publish(name, text));

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const { room, connectionId, token } = addressed(request.url);
    const claims = room && verified(token);
    if (!claims) return new Response("token_invalid", { status: 401 });
    if (server.upgrade(request, { data: { room, connectionId, claims } })) return undefined;
    return new Response("this is for WebSockets", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      const { room, connectionId, claims } = socket.data;
      rooms.join(room, socket, claims, connectionId);
      socket.subscribe(room);
    },
    message(socket, text) {
      rooms.get(socket.data.room).take(socket, text);
    },
    close(socket, code) {
      rooms.leave(socket.data.room, socket, code);
    },
  },
});
console.log(`bun ${Bun.version} listening on http://127.0.0.1:${server.port}`);
process.on("SIGTERM", () => process.exit(0));
