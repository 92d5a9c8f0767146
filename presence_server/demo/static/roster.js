/** The list of everybody here. Rows are kept and updated, so focus stays where it is. */

import { build, setText } from "./dom.js";
import { colourOf, initials, isolated, pictureAddress, shownName } from "./text.js";

/**
 * @typedef {import("./reducer.js").Member} Member
 *
 * @typedef {object} Scene
 * @property {ReadonlyMap<string, Member>} members
 * @property {string} myId
 * @property {string | undefined} leaderId  whom I follow
 * @property {(path: string) => string} titleOf
 */

const MOST_SHOWN = 100;

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} rest  says how many more there are
 * @param {(userId: string) => void} onFollow  pressed on a member's row
 */
export function rosterView(list, rest, onFollow) {
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();

  /** @param {Scene} scene */
  return function draw(scene) {
    const members = inOrder(scene);
    const shown = members.slice(0, MOST_SHOWN);
    const ids = new Set(shown.map((member) => member.userId));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.remove();
      rows.delete(id);
    }
    shown.forEach((member, index) => {
      const row = rows.get(member.userId) ?? createRow(member.userId, onFollow);
      rows.set(member.userId, row);
      updateRow(row, member, scene);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    rest.hidden = members.length <= MOST_SHOWN;
    setText(rest, rest.hidden ? "" : `and ${members.length - MOST_SHOWN} more`);
  };
}

/**
 * Me first, then as they came: an order that does not jump about when somebody goes away.
 *
 * @param {Scene} scene
 */
function inOrder({ members, myId }) {
  return [...members.values()].sort(
    (a, b) =>
      Number(b.userId === myId) - Number(a.userId === myId) ||
      a.joinedAt - b.joinedAt ||
      (a.userId < b.userId ? -1 : 1),
  );
}

/**
 * @param {string} userId
 * @param {(userId: string) => void} onFollow
 */
function createRow(userId, onFollow) {
  const button = build("button", { type: "button", class: "quiet", "data-testid": "follow" });
  button.addEventListener("click", () => onFollow(userId));
  const row = build(
    "li",
    { class: "member", "data-testid": "member", "data-user-id": userId },
    build(
      "span",
      { class: "avatar", "aria-hidden": "true" },
      build("span", { class: "initials" }),
      build("span", { class: "dot" }),
    ),
    build(
      "div",
      { class: "who" },
      build(
        "div",
        { class: "first" },
        build("bdi", { class: "name", "data-testid": "member-name" }),
        build("span", { class: "you", "data-testid": "you" }, "(you)"),
        build("span", { class: "badge", "data-testid": "member-status" }),
      ),
      build("bdi", { class: "where", "data-testid": "member-page" }),
      build("div", { class: "follows", "data-testid": "member-following" }),
    ),
    button,
  );
  row.style.setProperty("--who", colourOf(userId));
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Member} member
 * @param {Scene} scene
 */
function updateRow(row, member, scene) {
  const isMe = member.userId === scene.myId;
  const part = (/** @type {string} */ selector) =>
    /** @type {HTMLElement} */ (row.querySelector(selector));
  const name = shownName(member.userName);
  row.classList.toggle("me", isMe);
  row.dataset.status = member.status === "away" ? "away" : "online";
  setText(part(".name"), name);
  part(".name").title = name;
  part(".you").hidden = !isMe;
  setText(part(".badge"), row.dataset.status);
  setText(part(".where"), scene.titleOf(member.currentPath) || "not on a page yet");
  updateFollows(part(".follows"), member, scene);
  updateAvatar(part(".avatar"), member);
  const button = part("button");
  const followed = member.userId === scene.leaderId;
  button.hidden = isMe;
  setText(button, followed ? "Unfollow" : "Follow");
  button.setAttribute("aria-label", `${followed ? "Unfollow" : "Follow"} ${isolated(name)}`);
}

/**
 * @param {HTMLElement} line
 * @param {Member} member
 * @param {Scene} scene
 */
function updateFollows(line, member, scene) {
  const leader = member.following && scene.members.get(member.following);
  line.hidden = !leader;
  if (!leader) return setText(line, "");
  const whom = leader.userId === scene.myId ? "you" : isolated(leader.userName);
  setText(line, `following ${whom}`);
}

/**
 * Initials always; a picture over them if it has an address we may load and does load.
 *
 * @param {HTMLElement} avatar
 * @param {Member} member
 */
function updateAvatar(avatar, member) {
  setText(/** @type {Element} */ (avatar.firstElementChild), initials(member.userName));
  const address = pictureAddress(member.userImage) ?? "";
  if ((avatar.dataset.picture ?? "") === address) return;
  avatar.dataset.picture = address;
  avatar.querySelector("img")?.remove();
  if (!address) return;
  const picture = build("img", { alt: "", referrerpolicy: "no-referrer", decoding: "async" });
  picture.addEventListener("error", () => picture.remove());
  picture.src = address;
  avatar.firstElementChild?.after(picture);
}
