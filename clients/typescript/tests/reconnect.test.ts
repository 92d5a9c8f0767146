import { describe, expect, test } from "vitest";
import { after, backoff, type Failures, none } from "../src/reconnect.ts";
import type { Message } from "../src/room.ts";
import { vectors } from "./support/protocol.ts";

const expired = { code: 4401, reason: "token_expired" };
const invalid = { code: 4401, reason: "token_invalid" };
const lost = { code: 1006, reason: "" };

/** The delays after some closes in a row, at the longest that chance makes them. */
function delays(...closes: { code: number; reason: string }[]) {
  let failures: Failures = none;
  return closes.map((close) => {
    const next = after(close, failures, 1);
    failures = next.failures;
    return next.delay;
  });
}

describe("every close code of the protocol's table", () => {
  test.each<Message>(vectors("close_codes"))("$name", ({ code, client }) => {
    const { delay } = after({ code, reason: "" }, none, 1);
    const advice = delay === null ? "stop" : delay === 0 ? "new token" : "retry";
    expect(advice).toBe(client === "retry later" ? "retry" : client);
  });
});

test("the bound of the wait grows by half from 1 s to 30 s", () => {
  const bounds = delays(...Array.from({ length: 11 }, () => lost));
  expect(bounds.slice(0, 4)).toEqual([1000, 1500, 2250, 3375]);
  expect(bounds.slice(8)).toEqual([expect.closeTo(25_629, 0), 30_000, 30_000]);
});

test("a server that restarts is left alone for 1 to 3 s, once", () => {
  const restarting = { code: 1012, reason: "server is restarting" };
  const first = (chance: number) => after(restarting, none, chance).delay;
  expect([0, 0.5, 1].map(first)).toEqual([1000, 2000, 3000]);
  expect(delays(restarting, restarting)).toEqual([3000, 1500]);
  expect(delays(lost, restarting)).toEqual([1000, 1500]);
});

test("chance spreads the wait from nothing to the bound", () => {
  expect([0, 0.25, 1].map((chance) => backoff(2, chance))).toEqual([0, 562.5, 2250]);
});

test("a token that ran out is replaced at once, and the second time in a row not so fast", () => {
  expect(delays(expired, expired, expired, expired)).toEqual([0, 1000, 1500, 2250]);
});

test("a third invalid token in a row is the last", () => {
  expect(delays(invalid, invalid, invalid)).toEqual([0, 1000, null]);
});

test("a loss in between does not make invalid tokens valid", () => {
  expect(delays(invalid, lost, invalid, lost, invalid).at(-1)).toBeNull();
});

test("a token that ran out begins the count of invalid ones anew", () => {
  expect(delays(invalid, invalid, expired, invalid, invalid).at(-1)).toBeGreaterThan(0);
});
