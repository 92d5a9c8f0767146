/** Failures in plain words. Pure. */

const TOKENS = {
  token_missing: [
    "A credential is needed",
    "Give the admin key, or a token with the scope history.read.",
  ],
  token_expired: ["The token has expired", "Get a new one, and give it here."],
  token_invalid: [
    "The credential was not accepted",
    "It is neither the admin key nor a valid token.",
  ],
};

const CODES = {
  removed: [
    "This token no longer opens the room",
    "Its user was removed from the room after it was issued. Get a new one.",
  ],
  history_off: [
    "History is off on this server",
    "Nothing is recorded. Set PRESENCE_HISTORY, for example to sqlite:///presence.db, and restart.",
  ],
  history_unavailable: [
    "History cannot be read right now",
    "Its process or its database is not there. Live rooms go on, and what happens is noted later.",
  ],
  query_timeout: [
    "The answer took longer than two seconds",
    "Ask for less, for example a shorter time, or try again later.",
  ],
  busy: ["Too many ask at once", "Try again in a moment."],
  unreachable: [
    "The server cannot be reached",
    "It may be restarting, or your connection is gone.",
  ],
  bad_room: [
    "There can be no such room",
    "The id of a room has 1–128 characters: A–Z a–z 0–9 . _ : ~ -",
  ],
};

const STATUSES = {
  401: TOKENS.token_invalid,
  403: ["Not allowed", "This token is for other rooms, or its scope is not history.read."],
  404: ["There is nothing here", "No such thing is known in this room."],
  429: ["Too many questions", "Try again in a moment."],
};

const OTHER = ["That did not work", "The server answered with an error."];

/** A failure as a heading and a sentence. */
export function explain({ status, code, message }) {
  const [title, text] = TOKENS[code] ?? CODES[code] ?? STATUSES[status] ?? OTHER;
  const isKnown = text !== OTHER[1] || !message;
  return { title, text: isKnown ? text : `The server says: ${message}` };
}

/** Whether it is the credential or the room that is wrong, so that no panel can be answered. */
export const isAtTheDoor = ({ status, code }) =>
  status === 401 || status === 403 || code === "history_off" || code === "bad_room";

/** Whether trying again may help. */
export const mayPass = ({ status }) => status === 0 || status === 429 || status >= 500;
