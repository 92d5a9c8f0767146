/** When each participant of a session was there, from the trail. Pure. */

/**
 * A lane for each participant, in order of their first join: `bars` of `{from, to, isOpen, isRough,
 * because}` and `marks`, the lines of the trail about them that are neither a join nor a leave.
 * What the trail does not tell (erased users, lines that are no longer kept) is one rough bar.
 */
export function lanes(participants, trail, until) {
  const byUser = Map.groupBy([...trail].reverse(), keyOf);
  const inOrder = [...participants].sort((a, b) => a.joinedAt - b.joinedAt);
  return inOrder.map((participant) => {
    const lines = participant.userId === null ? [] : (byUser.get(keyOf(participant)) ?? []);
    return { participant, bars: bars(participant, lines, until), marks: lines.filter(isMark) };
  });
}

/** Who a line, or a participant, is about. */
export const keyOf = ({ userId, isGuest }) => JSON.stringify([userId, isGuest]);

const isMark = ({ what }) => what !== "joined" && what !== "left";

function bars(participant, lines, until) {
  const known = [];
  let from = null;
  for (const { what, at, detail } of lines) {
    if (what === "joined") from ??= at;
    if (what !== "left" || from === null) continue;
    known.push({ from, to: at, because: detail, isOpen: false, isRough: false });
    from = null;
  }
  if (from !== null) known.push(last(participant, from, until));
  return known.length >= participant.joins ? known : [rough(participant, until), ...known];
}

function last({ leftAt, leftBecause }, from, until) {
  const isOpen = leftAt === null || leftAt < from;
  return { from, to: isOpen ? until : leftAt, because: leftBecause, isOpen, isRough: false };
}

function rough({ joinedAt, leftAt, leftBecause, joins }, until) {
  const isOpen = leftAt === null;
  return { from: joinedAt, to: leftAt ?? until, because: leftBecause, isOpen, isRough: joins > 1 };
}

/** The lines that stand in no lane: what happened to the room, and to who is no participant. */
export function roomLines(trail, inLanes) {
  const shown = new Set(inLanes.flatMap(({ marks }) => marks));
  return trail.filter((line) => isMark(line) && line.what !== "role" && !shown.has(line));
}
