/** Names and pictures of people we do not trust: made harmless, never made markup. */

const ADJECTIVES = ["Calm", "Bright", "Quiet", "Brave", "Merry", "Swift", "Gentle", "Clever"];
const ANIMALS = ["Otter", "Heron", "Fox", "Badger", "Wren", "Lynx", "Hare", "Owl", "Newt", "Seal"];

const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/g;
const LINE_BREAKS = /[\s\p{Cc}]+/gu;
const INVISIBLE = /[\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const GLYPH_LENGTH = 16;

const pick = (words: string[]) => words[Math.floor(Math.random() * words.length)]!;

export const suggestName = () => `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;

const isBlank = (text: string) => text.replace(INVISIBLE, "") === "";

/** A name as it may be shown: on one line, without direction overrides, never invisible. */
export function shownName(name: unknown): string {
  const text = String(name ?? "")
    .replace(BIDI_CONTROLS, "")
    .replace(LINE_BREAKS, " ")
    .trim();
  return isBlank(text) ? "Unnamed" : text;
}

/** A name inside a plain sentence, where no `<bdi>` can stand: its direction ends with it. */
export const isolated = (name: unknown) => `\u2068${shownName(name)}\u2069`;

/** Several names in a sentence: the first few, and how many more. */
export function nameList(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).map(isolated);
  if (names.length > most) shown.push(`${names.length - most} more`);
  const last = shown.pop();
  return shown.length ? `${shown.join(", ")} and ${last}` : (last ?? "");
}

export function initials(name: unknown): string {
  const words = shownName(name)
    .split(" ")
    .filter((word) => !isBlank(word));
  const ends = words.length > 1 ? [words[0]!, words[words.length - 1]!] : words;
  return ends.map(firstGlyph).join("").toLocaleUpperCase();
}

function firstGlyph(word: string): string {
  const bare = word.replace(/^[^\p{L}\p{N}\p{Emoji_Presentation}]+(?=.)/u, "") || word;
  const [first] = new Intl.Segmenter().segment(bare);
  // Marks can be stacked without end on one letter; an avatar has room for none.
  return first!.segment.length > GLYPH_LENGTH ? Array.from(bare)[0]! : first!.segment;
}

/** The address of a picture if it is one that may be loaded, else null. */
export function pictureAddress(value: unknown): string | null {
  if (typeof value !== "string" || !/^https?:\/\//i.test(value)) return null;
  return URL.parse(value)?.href ?? null;
}

/** The longest beginning of `text` that fits into `limit` bytes, whole characters only. */
export function fitBytes(text: string, limit: number): string {
  const encoder = new TextEncoder();
  let fitted = "";
  let size = 0;
  for (const character of text) {
    size += encoder.encode(character).length;
    if (size > limit) break;
    fitted += character;
  }
  return fitted;
}
