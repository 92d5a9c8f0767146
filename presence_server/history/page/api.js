/** Asks the server. The credential lives in this tab's session storage and in a header, only. */

const KEY = "presence-history.credential";
let remembered = "";

/** The credential as given; "" without one. */
export function credential() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return remembered; // storage switched off: it lasts until the next load
  }
}

/** Keeps a credential, or with "" forgets it. */
export function keepCredential(value) {
  remembered = value;
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

/** Why a question was not answered: `status` is 0 if the server was not reached. */
export class Failure extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * The answer to a question. Parameters that are "" or null are not asked for.
 * Throws a `Failure`, also where the signal's time is over, or an `AbortError` if the signal says so.
 */
export async function ask(question, parameters, signal) {
  const response = await send(address(question, parameters), signal);
  const content = await body(response, signal);
  if (response.ok && content) return content;
  throw new Failure(response.status, content?.code ?? "", content?.message ?? "");
}

function address(question, parameters) {
  const url = new URL(`v1/history/${question}`, document.baseURI);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "" && value !== null) url.searchParams.set(name, value);
  }
  return url;
}

async function send(url, signal) {
  const headers = { Authorization: `Bearer ${bytes(credential())}` };
  try {
    return await fetch(url, { headers, signal, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (isUnwanted(signal)) throw error;
    throw new Failure(0, "unreachable", "");
  }
}

async function body(response, signal) {
  try {
    return await response.json();
  } catch (error) {
    if (isUnwanted(signal)) throw error;
    return null;
  }
}

const isUnwanted = ({ aborted, reason }) => aborted && reason.name !== "TimeoutError";

/** A header holds bytes: those of the credential in UTF-8, which the server compares. */
function bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** All rows of a paged question, page after page, until `most`; `isAll` says whether that was all. */
export async function askAll(question, parameters, signal, most) {
  const rows = [];
  let cursor = "";
  let answer;
  do {
    answer = await ask(question, { ...parameters, limit: 1000, cursor }, signal);
    rows.push(...answer.rows);
    cursor = answer.next ?? "";
  } while (cursor && rows.length < most);
  return { ...answer, rows, isAll: !cursor };
}
