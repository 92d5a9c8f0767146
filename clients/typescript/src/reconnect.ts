/** When to dial again, and when not to. Pure: chance comes in as an argument. */

import type { Refusal } from "./types.ts";

const FIRST_MS = 1_000;
const MOST_MS = 30_000;
const INVALID_TOKENS_TO_STOP = 3;

/** A server that restarts is left alone for 1 to 3 s: nobody would answer any sooner. */
const RESTART = 1012;
const RESTART_MS = 2_000;

/** The close codes that say stop. Every other one, known or not, is worth another try. */
const STOP = [1002, 1007, 1009, 4400, 4403, 4404, 4409, 4410];
const NEW_TOKEN = 4401;

/** The failures in a row since the last welcome. */
export interface Failures {
  readonly retries: number;
  readonly unauthorized: number;
  readonly invalid: number;
}

export const none: Failures = { retries: 0, unauthorized: 0, invalid: 0 };

/** Milliseconds to wait: a `chance` (0 to 1) of a bound that grows by half from 1 s to 30 s. */
export const backoff = (retries: number, chance: number) =>
  chance * Math.min(MOST_MS, FIRST_MS * 1.5 ** retries);

/**
 * What follows from a close: how long to wait before the next dial, or null for never.
 * Begin again with `none` after each welcome: only that ends a row of failures.
 */
export function after(
  { code, reason }: Refusal,
  { retries, unauthorized, invalid }: Failures,
  chance: number,
): { delay: number | null; failures: Failures } {
  if (STOP.includes(code)) return { delay: null, failures: none };
  const isToken = code === NEW_TOKEN;
  const failures = {
    retries: retries + 1,
    unauthorized: isToken ? unauthorized + 1 : unauthorized,
    invalid: !isToken ? invalid : reason === "token_invalid" ? invalid + 1 : 0,
  };
  if (failures.invalid >= INVALID_TOKENS_TO_STOP) return { delay: null, failures };
  if (isToken && unauthorized === 0) return { delay: 0, failures: { ...failures, retries } };
  const isRestart = code === RESTART && retries === 0;
  return { delay: isRestart ? RESTART_MS * (0.5 + chance) : backoff(retries, chance), failures };
}
