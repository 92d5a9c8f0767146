/** Reads what stands in `protocol/`, in its notation. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../src/room.ts";

const ROOT = join(import.meta.dirname, "../../../../protocol");

const json = (path: string): Message => JSON.parse(readFileSync(join(ROOT, path), "utf8"));

export const vectors = (name: string): Message => expand(json(`vectors/${name}.json`));

export const scenarios = (): [string, Message][] =>
  readdirSync(join(ROOT, "scenarios")).map((file) => [
    file.replace(".json", ""),
    json(`scenarios/${file}`),
  ]);

/** A value with everything that stands for something bigger written out. */
export function expand(value: Message): Message {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== "object" || !value) return value;
  const keys = Object.keys(value).sort().join();
  if (keys === "repeat,times") return repeat(expand(value.repeat), value.times);
  if (keys === "join") return value.join.map(expand).join("");
  if (keys === "nest") return nest(value.nest);
  // Entries, not assignment: a key may be `__proto__`.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item)]));
}

const repeat = (unit: Message, times: number): Message =>
  typeof unit === "string" ? unit.repeat(times) : Array(times).fill(unit).flat();

const nest = (depth: number): Message => (depth > 1 ? { in: nest(depth - 1) } : {});

const ENTRY = { userImage: null, currentPath: "", status: "online", role: "commenter" };

/** An entry of a scenario with what is as usual, and so was left out, put in. */
export const wholeEntry = (fields: Message): Message => ({
  userName: fields.userId,
  ...ENTRY,
  ...fields,
});

/** A message of a scenario, likewise. */
export function whole(message: Message): Message {
  if (message.type === "presence_snapshot") {
    return { ...message, users: message.users.map(wholeEntry) };
  }
  const isEntry = message.type === "user_joined" || message.type === "presence_changed";
  return isEntry ? wholeEntry(message) : message;
}
