/** Names, colours and pictures of people we do not trust: made harmless, never made markup. */

const ADJECTIVES = ["Calm", "Bright", "Quiet", "Brave", "Merry", "Swift", "Gentle", "Clever"];
const ANIMALS = ["Otter", "Heron", "Fox", "Badger", "Wren", "Lynx", "Hare", "Owl", "Newt", "Seal"];

const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/g;
const LINE_BREAKS = /[\s\p{Cc}]+/gu;
const INVISIBLE = /[\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/gu;

export function suggestName() {
  return `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;
}

/**
 * @param {string[]} words
 * @returns {string}
 */
function pick(words) {
  return words[Math.floor(Math.random() * words.length)];
}

/**
 * A name as it may be shown: on one line, without direction overrides, never invisible.
 *
 * @param {unknown} name
 */
export function shownName(name) {
  const text = String(name ?? "").replace(BIDI_CONTROLS, "").replace(LINE_BREAKS, " ").trim();
  return text.replace(INVISIBLE, "") === "" ? "Unnamed" : text;
}

/**
 * A name inside a plain sentence, where no `<bdi>` can stand: its direction ends with it.
 *
 * @param {unknown} name
 */
export function isolated(name) {
  return `\u2068${shownName(name)}\u2069`;
}

/**
 * @param {unknown} name
 */
export function initials(name) {
  const words = shownName(name).split(" ").filter((word) => word.replace(INVISIBLE, "") !== "");
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map(firstGlyph).join("").toLocaleUpperCase();
}

/** @param {string} word */
function firstGlyph(word) {
  const bare = word.replace(/^[^\p{L}\p{N}\p{Emoji_Presentation}]+(?=.)/u, "") || word;
  // Marks can be stacked without end on one letter; an avatar has room for none.
  if (!Intl.Segmenter) return Array.from(bare)[0];
  const [first] = new Intl.Segmenter().segment(bare);
  return first.segment.length > 16 ? Array.from(bare)[0] : first.segment;
}

/**
 * One colour for life, from the id; equal lightness, so white text can be read on all of them.
 *
 * @param {string} userId
 */
export function colourOf(userId) {
  let hash = 2166136261; // FNV-1a
  for (const byte of new TextEncoder().encode(userId)) {
    hash = Math.imul(hash ^ byte, 16777619);
  }
  return `oklch(0.53 0.13 ${((hash ^ (hash >>> 15)) >>> 0) % 360})`;
}

/**
 * The address of a picture if it is one that may be loaded, else null.
 *
 * @param {unknown} value
 * @returns {string | null}
 */
export function pictureAddress(value) {
  if (typeof value !== "string" || !/^https?:\/\//i.test(value)) return null;
  try {
    return new URL(value).href;
  } catch {
    return null;
  }
}

/**
 * The longest beginning of `text` that fits into `limit` bytes, whole characters only.
 *
 * @param {string} text
 * @param {number} limit
 */
export function fitBytes(text, limit) {
  const encoder = new TextEncoder();
  let fitted = "";
  let size = 0;
  for (const character of text.toWellFormed?.() ?? text) {
    size += encoder.encode(character).length;
    if (size > limit) break;
    fitted += character;
  }
  return fitted;
}

/** A random id; `crypto.randomUUID` is missing on plain http beyond localhost. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
