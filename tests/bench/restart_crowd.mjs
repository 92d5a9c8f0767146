// Some thousand clients in one process, worked from outside: orders as words on stdin, what happens
// as JSON lines on stdout. It never tells a client anything: it only watches its sockets and its map.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { kinds } from "./restart_people.mjs";
import { BareSocket } from "./restart_socket.mjs";
import { Tokens } from "./restart_tokens.mjs";

const LOOK_MS = 50;
const AT_ONCE = 64;
// Of all the numbers below `rooms * members` those clients are here that are `first` and every `step`th.
const { kind, port, secret, rooms, members, first, step } = JSON.parse(process.argv[2]);
const tokens = new Tokens(secret);
const people = new Map(); // connection id → what happened to whom
const delay = monitorEventLoopDelay({ resolution: 20 });
let isMarked = false;

const tell = (event, more = {}) =>
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...more })}\n`);

/** Node's own costs ten times as much, twice for each message. */
globalThis.MessageEvent = class extends Event {
  constructor(type, { data }) {
    super(type);
    this.data = data;
  }
};

/** A real socket, of which what a page would see is noted. */
class Watched extends BareSocket {
  #person;
  #isIn = false;

  constructor(url) {
    super(url);
    const query = new URL(url).searchParams;
    this.#person = people.get(query.get("_pk"));
    this.#person.dials += 1;
    this.#person.used.push(query.get("token"));
  }

  dispatchEvent(event) {
    const person = this.#person;
    if (event.type === "message") {
      if (event.data.startsWith('{"type":"presence_snapshot"')) {
        this.#isIn = person.isIn = true;
        person.backAt ??= isMarked ? Date.now() : null;
        person.entered?.();
      } else if (person.closedAt === null && event.data.startsWith('{"type":"user_left"')) person.leaves += 1;
    }
    if (event.type === "close") {
      if (this.#isIn) {
        person.isIn = false;
        if (person.closedAt === null) [person.closedAt, person.code, person.backAt] = [Date.now(), event.code, null];
        else person.again.push(event.code);
      } else if (event.wasClean) person.refused.push(event.code);
      else person.failed += 1;
    }
    return super.dispatchEvent(event);
  }
}

const blank = () => ({
  closedAt: null, code: null, backAt: null, leaves: 0, dials: 0, failed: 0, refused: [], again: [], used: [],
});

function enter(number) {
  const room = `presence-${number % rooms}`;
  const id = `user-${number}`;
  const person = { id, room, isIn: false, ...blank() };
  people.set(id, person);
  return new Promise((entered) => {
    person.entered = entered;
    const options = { host: `127.0.0.1:${port}`, room, id, token: () => tokens.fetch(id, room), WebSocket: Watched };
    Object.assign(person, kinds[kind](`/plans/${number % 7}`, options));
  });
}

async function enterAll() {
  let next = first;
  const some = async () => {
    while (next < rooms * members) {
      next += step;
      await enter(next - step);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  whole();
}

/** Tells as soon as everybody is in and knows of everybody. */
function whole() {
  const all = [...people.values()];
  const isDone = ({ isIn, closedAt, map }) =>
    isIn && (!isMarked || closedAt !== null) && map().size === members;
  if (all.every(isDone)) tell("whole");
  else setTimeout(whole, LOOK_MS);
}

/** Of each room all the different maps that anybody has of it, and how many have it. */
function maps() {
  const found = {};
  for (const { room, map } of people.values()) {
    const entries = [...map().values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
    const text = JSON.stringify(entries);
    found[room] ??= {};
    found[room][text] = (found[room][text] ?? 0) + 1;
  }
  return Object.fromEntries(
    Object.entries(found).map(([room, seen]) => [
      room,
      Object.entries(seen).map(([text, count]) => ({ count, entries: JSON.parse(text) })),
    ]),
  );
}

const report = () =>
  [...people.values()].map(({ map, leave, entered, used, ...person }) => ({
    ...person, reused: used.length - new Set(used).size,
  }));

const orders = {
  enter: enterAll,
  mark() {
    isMarked = true;
    tokens.takeCounts();
    delay.enable();
    delay.reset();
    for (const person of people.values()) Object.assign(person, blank(), { used: person.used.slice(-1) });
    tell("marked");
    whole();
  },
  report: () => tell("report", { people: report(), tokens: tokens.takeCounts(), lagS: delay.max / 1e9 }),
  maps: () => tell("maps", { rooms: maps() }),
};

createInterface({ input: process.stdin })
  .on("line", (line) => orders[line]())
  .on("close", () => process.exit(0));
