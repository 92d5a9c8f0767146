/**
 * Following: where the leader goes, I go. Pure, like the reducer: it reads the members already
 * held and says where to navigate; it never asks the server.
 *
 * @typedef {import("./reducer.js").Member} Member
 *
 * @typedef {object} Follow
 * @property {string} leaderId
 * @property {string} leaderName  kept for when the leader has left the room
 * @property {string | null} seenPath  the leader's location at the last look
 * @property {boolean} missing  the leader is not in the room at the moment
 */

/**
 * @param {Member} leader
 * @returns {Follow}
 */
export function startFollow(leader) {
  return { leaderId: leader.userId, leaderName: leader.userName, seenPath: null, missing: false };
}

/**
 * One look at the members. Only a real change of the leader's location moves me, and only if I am
 * not there already. A leader who is missing keeps the follow: the caller decides how long to wait.
 *
 * @param {Follow} follow
 * @param {ReadonlyMap<string, Member>} members
 * @param {{userId: string, path: string}} me
 * @returns {{follow: Follow, goTo: string | null}}
 */
export function look(follow, members, me) {
  const leader = members.get(follow.leaderId);
  if (!leader) return { follow: { ...follow, missing: true }, goTo: null };
  const path = leader.currentPath || follow.seenPath; // "" until the leader has said where
  const next = { ...follow, leaderName: leader.userName, seenPath: path, missing: false };
  const stay =
    path === follow.seenPath || path === me.path || leadsItsCircle(follow, members, me.userId);
  return { follow: next, goTo: stay ? null : path };
}

/**
 * In a circle (two who follow each other, or more) every move would be an answer to an answer, and
 * two who started in the same instant would swap pages for ever. So the member with the smallest
 * id stays put and the others come to it. A move of one's own ends one's following, and with it
 * the circle, so nobody is ever stuck.
 *
 * @param {Follow} follow
 * @param {ReadonlyMap<string, Member>} members
 * @param {string} myId
 */
function leadsItsCircle(follow, members, myId) {
  const seen = new Set();
  let smallest = myId;
  /** @type {string | undefined} */
  let id = follow.leaderId;
  while (id !== undefined && id !== myId && !seen.has(id)) {
    seen.add(id);
    if (id < smallest) smallest = id;
    id = members.get(id)?.following;
  }
  return id === myId && smallest === myId;
}
