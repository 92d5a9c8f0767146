/** The demo page: wires the parts together. What each does is in its own file. */

import { announcer } from "./announcer.js";
import { cursorLayer } from "./cursors.js";
import { byId, oncePerFrame, setText } from "./dom.js";
import { look, startFollow } from "./follow.js";
import { watchIdle } from "./idle.js";
import { identity } from "./identity.js";
import { workspace } from "./pages.js";
import { sharePointer } from "./pointer.js";
import { emptyRoom, reduce } from "./reducer.js";
import { rosterView } from "./roster.js";
import { PresenceSocket } from "./socket.js";
import { colourOf, isolated, randomId, shownName } from "./text.js";

const ROOM = "presence-demo";
const RESYNC_MS = 5_000;
const LEADER_BLIP_MS = 10_000;
const IDLE_S = Number(new URLSearchParams(location.search).get("idle")) || 120;

const connectionId = randomId(); // kept over reconnects, never over reloads
let room = emptyRoom;
/** @type {import("./follow.js").Follow | null} */
let follow = null;
let leaderTimer = 0;
let resyncTimer = 0;
let stale = true;

const me = identity(byId("name"), byId("picture"), byId("picture-hint"), () => socket.renewToken());
const pages = workspace(byId("pages"), byId("page-title"), () => {
  if (follow) endFollow(`You moved: no longer following ${leaderName()}`);
  sendLocation();
});
const news = announcer(byId("news"));
const drawRoster = rosterView(byId("roster"), byId("rest"), toggleFollow);
const drawCursors = cursorLayer(byId("cursors"));
const redraw = oncePerFrame(draw);
const idle = watchIdle(IDLE_S * 1000, sendStatus);
const socket = new PresenceSocket({ address, fetchToken, onMessage, onPhase });
const pointer = sharePointer(byId("sheet"), {
  watched: () => !stale && othersHere().length > 0,
  send: (cursor) => !socket.congested && socket.send({ type: "cursor_update", cursor }),
});

// Talking to the server.

/** @param {string} token */
function address(token) {
  const url = new URL(`parties/presence/${ROOM}`, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  url.search = new URLSearchParams({ _pk: connectionId, token }).toString();
  return url.href;
}

async function fetchToken() {
  const query = new URLSearchParams({ user: me.userId, name: me.name, room: ROOM });
  if (me.picture) query.set("picture", me.picture);
  const response = await fetch(`demo/token?${query}`, {
    cache: "no-store",
    signal: AbortSignal.timeout(8_000),
  }).catch(() => {
    throw new Error("the server cannot be reached");
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()).token;
}

function sendLocation() {
  socket.send({
    type: "presence_update",
    currentPath: pages.path,
    following: follow?.leaderId ?? null,
    idleMs: idle.idleFor(),
  });
  pointer.forget(); // a new location clears the cursor
  redraw();
}

function sendStatus() {
  const status = idle.away ? "away" : "online";
  socket.send({ type: "status_update", status, idleMs: idle.idleFor() });
}

// Hearing from the server.

/** @param {any} message */
function onMessage(message) {
  const before = room;
  room = reduce(room, message);
  if (message.type === "welcome") {
    sendStatus(); // `open` is not admission: what I am is said again on every welcome
    sendLocation();
  }
  if (room === before) return;
  if (room.gap !== before.gap) resync();
  if (message.type === "presence_snapshot") stale = false;
  news.tell(message, before.members, room.members);
  if (message.type !== "welcome") lookAtLeader(message);
  pointer.refresh();
  redraw();
}

/** An event went missing: ask for everything, again every 5 s until it comes. */
function resync() {
  clearTimeout(resyncTimer);
  if (!room.gap) return;
  socket.send({ type: "resync" });
  resyncTimer = setTimeout(resync, RESYNC_MS);
}

/**
 * @param {import("./socket.js").Phase} phase
 * @param {string} text
 */
function onPhase(phase, text) {
  if (phase !== "live") {
    stale = true; // the roster stays, as last known; fresh again with the next snapshot
    stopWaitingForLeader();
    clearTimeout(resyncTimer);
  }
  byId("connection").dataset.phase = phase;
  setText(byId("connection"), text);
  const reconnect = byId("reconnect");
  reconnect.hidden = phase === "live" || phase === "connecting";
  setText(reconnect, phase === "stopped" ? "Connect again" : "Try now");
  redraw();
}

// Following.

/** @param {string} userId */
function toggleFollow(userId) {
  const leader = room.members.get(userId);
  if (follow?.leaderId === userId) return unfollow();
  if (!leader) return;
  stopWaitingForLeader();
  follow = startFollow(leader);
  if (!lookAtLeader()) sendLocation();
}

function unfollow() {
  if (!follow) return;
  endFollow(`No longer following ${leaderName()}`);
  sendLocation();
}

function leaderName() {
  return isolated(follow?.leaderName);
}

/** @param {string} sentence  says why */
function endFollow(sentence) {
  news.say(sentence);
  stopWaitingForLeader();
  follow = null;
  redraw();
}

/**
 * @param {any} [message]  what made me look
 * @returns {boolean} whether I went somewhere
 */
function lookAtLeader(message) {
  if (!follow || stale) return false;
  const next = look(follow, room.members, { userId: me.userId, path: pages.path });
  follow = next.follow;
  if (!follow.missing) stopWaitingForLeader();
  else if (message?.reason === "kicked" && message.userId === follow.leaderId) leaderHasLeft();
  else leaderTimer ||= setTimeout(leaderHasLeft, LEADER_BLIP_MS);
  if (next.goTo === null || !pages.has(next.goTo)) return false;
  pages.goTo(next.goTo);
  sendLocation();
  return true;
}

function leaderHasLeft() {
  endFollow(`${leaderName()} has left: no longer following`);
  sendLocation();
}

function stopWaitingForLeader() {
  clearTimeout(leaderTimer);
  leaderTimer = 0;
}

// Drawing: everything from the state, at most once a frame.

function othersHere() {
  return [...room.members.values()].filter(
    (member) => member.userId !== me.userId && member.currentPath === pages.path,
  );
}

function draw() {
  const { members } = room;
  byId("people").classList.toggle("stale", stale);
  byId("stale-note").hidden = !stale || members.size === 0;
  setText(byId("count"), String(members.size));
  drawRoster({
    members,
    myId: me.userId,
    leaderId: follow?.leaderId,
    titleOf: pages.titleOf,
  });
  pages.drawDots([...members.values()]);
  drawCursors(stale ? [] : othersHere());
  drawFollow();
}

function drawFollow() {
  byId("stage").classList.toggle("following", follow !== null);
  byId("follow-bar").hidden = follow === null;
  if (follow) {
    const path = room.members.get(follow.leaderId)?.currentPath;
    byId("stage").style.setProperty("--who", colourOf(follow.leaderId));
    setText(byId("leader"), shownName(follow.leaderName));
    const elsewhere = path && !pages.has(path) ? "is on a page you do not have" : "";
    setText(byId("leader-note"), follow.missing ? "dropped out, waiting a moment…" : elsewhere);
  }
  const followers = [...room.members.values()].filter((m) => m.following === me.userId);
  byId("followed-by").hidden = followers.length === 0;
  const names = followers.slice(0, 3).map((member) => isolated(member.userName));
  if (followers.length > 3) names.push(`${followers.length - 3} more`);
  setText(byId("followed-by"), `Followed by ${names.join(", ")}`);
}

byId("unfollow").addEventListener("click", unfollow);
byId("reconnect").addEventListener("click", () => socket.connect());
byId("second").href = location.pathname + location.search;
window.addEventListener("keydown", (event) => event.key === "Escape" && unfollow());
socket.connect();
