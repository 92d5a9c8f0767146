/** Who gets which colour. Pure. */

/** White text can be read on each of them, and each can be seen on a light and on a dark page. */
export const PALETTE = [
  "#2970d4", // blue
  "#b55816", // orange
  "#248243", // green
  "#c53b89", // magenta
  "#8358da", // violet
  "#037e89", // teal
  "#cd3f3b", // red
  "#757619", // olive
  "#a54fb3", // plum
  "#637486", // slate
] as const;

/** So that who has to give way lands on a colour far from the one that was taken. */
const STRIDE = 3;

/** Colours (as places in the palette) by user id. */
export type Colours = ReadonlyMap<string, number>;

interface Person {
  readonly userId: string;
  readonly joinedAt: number;
}

/** As they came: an order that does not jump about. */
export const byArrival = (a: Person, b: Person) =>
  a.joinedAt - b.joinedAt || (a.userId < b.userId ? -1 : 1);

/**
 * Everybody keeps a colour for as long as they stay; who comes gets the one that their id asks for,
 * or where somebody has it, the next that nobody has. So people differ as far as the palette goes,
 * and windows agree except after such a clash. The same map where nothing changed.
 */
export function assign(before: Colours, people: Iterable<Person>): Colours {
  const here = [...people].sort(byArrival);
  const colours = new Map<string, number>();
  const used = new Array<number>(PALETTE.length).fill(0);
  const take = (userId: string, colour: number) => {
    colours.set(userId, colour);
    used[colour]! += 1;
  };
  for (const { userId } of here) {
    const kept = before.get(userId);
    if (kept !== undefined) take(userId, kept);
  }
  const isSame = colours.size === before.size && colours.size === here.length;
  if (isSame) return before;
  for (const { userId } of here) {
    if (!colours.has(userId)) take(userId, freeFrom(hash(userId), used));
  }
  return colours;
}

/** The first of the least used ones, from a wish on. */
function freeFrom(wish: number, used: readonly number[]): number {
  const least = Math.min(...used);
  let colour = wish % PALETTE.length;
  while (used[colour] !== least) colour = (colour + STRIDE) % PALETTE.length;
  return colour;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 2166136261;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 16777619);
  return (value ^ (value >>> 15)) >>> 0;
}
