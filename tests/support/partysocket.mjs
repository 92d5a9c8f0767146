// partysocket as it comes from npm, worked from outside: orders as JSON lines on stdin, what happens
// as JSON lines on stdout. It asks for a token on every dial and waits for one.

import { createInterface } from "node:readline";
import { PartySocket } from "../../clients/typescript/node_modules/partysocket/dist/index.js";

const { stopOn = [], ...options } = JSON.parse(process.argv[2]);
const tell = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");

let hand = () => {};
const token = () =>
  new Promise((resolve) => {
    hand = resolve;
    tell("dial");
  });

const socket = new PartySocket({
  minReconnectionDelay: 50,
  maxReconnectionDelay: 200,
  ...options,
  query: async () => ({ token: await token() }),
  shouldReconnectOnClose: (event) => !stopOn.includes(event.code),
});
socket.addEventListener("open", () => tell("open", { pk: socket._pk }));
socket.addEventListener("message", (event) => tell("message", { message: JSON.parse(event.data) }));
socket.addEventListener("close", ({ code, reason }) => tell("close", { code, reason }));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    if (order.token !== undefined) hand(order.token);
    if (order.send !== undefined) socket.send(JSON.stringify(order.send));
    if (order.close !== undefined) socket.close(...order.close);
  })
  .on("close", () => process.exit(0));
