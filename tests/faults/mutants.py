"""Failures put back deliberately: each row breaks one line, and names the tests that must see it.

`known` says which failure of other systems it is.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `file`, `good` is replaced by `bad`; then `tests` must fail."""

    known: str
    file: str
    good: str
    bad: str
    tests: str


ROOM = "presence_server/core/room.py"
SEATS = "presence_server/core/seats.py"
FANOUT = "presence_server/gateway/fanout.py"
DEBTS = "presence_server/gateway/debts.py"
SESSION = "presence_server/gateway/session.py"
CONNECTION = "presence_server/gateway/connection.py"
OUTBOX = "presence_server/gateway/outbox.py"
STORE = "clients/python/presence_client/store.py"
DIAL = "clients/python/presence_client/dial.py"
OWN_STATE = "clients/python/presence_client/own_state.py"

TS_ROOM = "clients/typescript/src/room.ts"
TS_VOICE = "clients/typescript/src/voice.ts"
TS_LINK = "clients/typescript/src/link.ts"
TS_HEART = "clients/typescript/src/heart.ts"
TS_GUIDE = "clients/typescript/src/guide.ts"
TS_FOLLOW = "clients/typescript/src/follow.ts"
TS_RECONNECT = "clients/typescript/src/reconnect.ts"
TS_CONTEXT = "clients/typescript/src/react/context.ts"
TS_SELECT = "clients/typescript/src/react/select.ts"

DRAIN = "presence_server/gateway/drain.py"
ROOMS = "presence_server/gateway/rooms.py"
TOKENS = "presence_server/gateway/tokens.py"
LISTENER = "presence_server/gateway/listener.py"
NETWORK = "presence_server/core/network.py"

FAILURES = "tests/gateway/test_known_failures.py"
WAY_OUT = "tests/gateway/test_fanout.py"
PROPERTY = "tests/gateway/test_convergence.py"
CLIENTS = "tests/clients"
TS_STORE_TESTS = "clients/typescript/tests/presence.test.ts"
TS_ROOM_TESTS = "clients/typescript/tests/room.test.ts"
TS_FOLLOW_TESTS = "clients/typescript/tests/follow.test.ts"
TS_REACT_TESTS = "clients/typescript/tests/react"

MUTANTS = [
    Mutant(
        "a leave between the snapshot being taken and sent leaves a ghost",
        FANOUT,
        "            self._snapshot = None\n",
        "",
        f"{FAILURES}::test_a_leave_just_before_the_snapshot_leaves_no_ghost",
    ),
    Mutant(
        "the old socket of a takeover closes late and evicts the live one",
        ROOM,
        "        if seat not in member.tabs:\n            return []\n",
        "        seat = next(\n"
        "            (t for t in member.tabs if t.connection_id == seat.connection_id), seat\n"
        "        )\n"
        "        if seat not in member.tabs:\n            return []\n",
        f"{FAILURES}::test_the_late_close_of_a_taken_over_socket_does_not_evict_the_live_one",
    ),
    Mutant(
        "offline, somebody leaves, online again: merging keeps the ghost",
        STORE,
        "        self._members.clear()\n",
        "",
        f"{CLIENTS}/test_python_store.py::test_a_snapshot_replaces_the_whole_map",
    ),
    Mutant(
        "a rejoin with unchanged state stays invisible",
        OWN_STATE,
        "        self._owed.update(self._said)\n",
        "        pass\n",
        f"{CLIENTS}/test_python_conversation.py::test_a_rejoin_with_unchanged_state_says_it_again_with_its_age",
    ),
    Mutant(
        "a token expires asleep; the reconnect reuses the old one for ever",
        DIAL,
        "        token = source() if callable(source) else source\n",
        "        if not hasattr(fetch, 'token'):\n"
        "            fetch.token = source() if callable(source) else source\n"
        "        token = fetch.token\n",
        "tests/clients/test_python_client.py::test_a_token_is_fetched_afresh_on_every_dial",
    ),
    Mutant(
        "a page that mounts twice is offline for a moment",
        ROOM,
        "if old is not None and old.identity.observe == identity.observe:",
        "if False:",
        f"{FAILURES}::test_a_page_that_mounts_twice_is_one_member_without_a_gap",
    ),
    Mutant(
        "two tabs: closing one removes the user",
        ROOM,
        "        if member.tabs:\n            return events",
        "        if False:\n            return events",
        f"{FAILURES}::test_closing_one_of_two_tabs_keeps_the_user",
    ),
    Mutant(
        "a room at its cap refuses the second tab of a member",
        ROOM,
        "is_new = not identity.observe and identity.user_id not in self._members",
        "is_new = not identity.observe",
        f"{FAILURES}::test_a_full_room_takes_the_second_tab_of_a_member_but_no_further_user",
    ),
    Mutant(
        "concurrent joins overshoot the cap",
        ROOM,
        "if is_new and len(self._members) >= self.limits.members:",
        "if is_new and len(self._members) > self.limits.members:",
        f"{FAILURES}::test_joins_in_the_same_turn_do_not_overshoot_the_cap",
    ),
    Mutant(
        "1,000 tokens end in the same second",
        SESSION,
        " * (0.5 + 0.5 * clocks.random())",
        "",
        f"{FAILURES}::test_tokens_that_end_together_are_not_refreshed_together",
    ),
    Mutant(
        "a heartbeat that only the page can send kills healthy users",
        CONNECTION,
        "            self._take_pong()\n",
        "            self._pulse.heard = False\n",
        f"{FAILURES}::test_a_user_who_says_nothing_but_answers_pings_stays",
    ),
    Mutant(
        "the wall clock jumps and tokens end",
        SESSION,
        "        if now >= self._expires_at:\n",
        "        if self._context.clocks.wall() - 1_799_999_000.0 >= self._expires_at:\n",
        f"{FAILURES}::test_a_jump_of_the_wall_clock_moves_nobody",
    ),
    Mutant(
        "a waiting cursor overwrites a newer entry",
        FANOUT,
        "                self._cursors.pop(event.entry.user_id, None)\n",
        "",
        f"{FAILURES}::test_a_cursor_that_waits_does_not_overwrite_a_newer_entry",
    ),
    Mutant(
        "what was said last over the rate is lost",
        SESSION,
        "            self._held[kind] = (command, now)\n",
        "            self._held.setdefault(kind, (command, now))\n            self._held.clear()\n",
        f"{FAILURES}::test_what_was_said_last_over_the_rate_is_not_lost",
    ),
    Mutant(
        "a slow reader's buffer grows without bound",
        FANOUT,
        "if outbox.backlog > self._limit:",
        "if False:",
        f"{WAY_OUT}::test_a_slow_reader_is_skipped_and_sent_a_snapshot_when_its_buffer_is_empty",
    ),
    Mutant(
        "a large snapshot makes its reader slow",
        OUTBOX,
        "        self._mark = self.total\n",
        "",
        f"{WAY_OUT}::test_a_large_snapshot_makes_nobody_slow",
    ),
    Mutant(
        "a stalled reader is never cut",
        CONNECTION,
        "        self._pulse.paused(now, self.outbox.flushed, timeout)\n",
        "",
        f"{WAY_OUT}::test_a_reader_that_makes_no_progress_for_fifteen_seconds_is_cut",
    ),
    Mutant(
        "one that was skipped goes on with events instead of a snapshot",
        FANOUT,
        '                self.owe(outbox, "behind")\n',
        "                self._remove_current(outbox)\n"
        "                self._audience(outbox).add(outbox)\n"
        "                self._payloads.clear()\n"
        "                outbox.transport.set_write_buffer_limits(high=10**9, low=0)\n",
        f"{WAY_OUT}::test_a_slow_reader_is_skipped_and_sent_a_snapshot_when_its_buffer_is_empty",
    ),
    Mutant(
        "a snapshot goes out before the events that it holds",
        FANOUT,
        "        if self._payloads:\n            self._deliver()\n        self._judge_congested()\n"
        "        admitted, again_at = self._pay() if self._debts else (0, NEVER)\n",
        "        admitted, again_at = self._pay() if self._debts else (0, NEVER)\n"
        "        if self._payloads:\n"
        "            self._deliver()\n"
        "        self._judge_congested()\n",
        f"{PROPERTY}::TestConvergence",
    ),
    Mutant(
        "a newcomer gets the middle of a compressed stream",
        FANOUT,
        "                self._stream = None  # it has not had what went before\n",
        "                pass\n",
        "tests/gateway/test_deflate.py::test_compressed_and_plain_clients_hold_the_same_map_whoever_comes_between",
    ),
    Mutant(
        "a takeover loses the place among the tabs",
        SEATS,
        "        self.spoke_at, self.number = old.spoke_at, old.number\n",
        "        self.number = old.number\n",
        "tests/core/test_room.py::test_a_takeover_inherits_place_status_cursor_and_rank",
    ),
    Mutant(
        "browser: offline, somebody leaves, online again: merging keeps the ghost",
        TS_ROOM,
        "      members = new Map();\n",
        "      members = new Map(members);\n",
        TS_ROOM_TESTS,
    ),
    Mutant(
        "browser: a field update after a reset is silently ignored",
        TS_VOICE,
        "      if (location || following) owed.add(LOCATION);\n",
        "",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: a token expires asleep; the reconnect reuses the old one for ever",
        TS_LINK,
        "(await Promise.race([token(), late]))",
        "(await ((options as any).kept ??= Promise.race([token(), late])))",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: 5,000 clients reconnect in the same second",
        TS_RECONNECT,
        "  chance * Math.min(",
        "  Math.min(",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: a close that says stop is dialled again for ever",
        TS_RECONNECT,
        "4400, 4403, ",
        "4400, ",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: a hidden tab's timers run once a minute; a heartbeat kills healthy users",
        TS_HEART,
        "      else if (isVisible()) die();\n",
        "      else die();\n",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: a half-open socket is never noticed",
        TS_HEART,
        "    ask();\n",
        "    isAnswered = true;\n",
        TS_STORE_TESTS,
    ),
    Mutant(
        "browser: React Strict Mode mounts twice: a brief offline",
        TS_CONTEXT,
        "      if (holds.get(presence) === mine) presence.close();\n",
        "      presence.close();\n",
        TS_REACT_TESTS,
    ),
    Mutant(
        "browser: every cursor renders every component",
        TS_SELECT,
        "known && equal(known.value, next) ? known.value : next",
        "next",
        TS_REACT_TESTS,
    ),
    Mutant(
        "browser: the leader of a follow blips for a second and every follower stops following",
        TS_GUIDE,
        "const GRACE_MS = 10_000;",
        "const GRACE_MS = 0;",
        TS_FOLLOW_TESTS,
    ),
    Mutant(
        "browser: two people follow each other",
        TS_FOLLOW,
        "  return members.get(all.slice(all.indexOf(id)).sort()[0]!);\n",
        "  return members.get(userId);\n",
        TS_FOLLOW_TESTS,
    ),
    Mutant(
        "browser: following a follower",
        TS_FOLLOW,
        "    if (next === undefined || !members.has(next)) return members.get(id);\n",
        "    if (next === undefined || next !== id) return members.get(id);\n",
        TS_FOLLOW_TESTS,
    ),
    Mutant(
        "5,000 clients without jitter are closed in the same second",
        DRAIN,
        "spread_s * closed / total",
        "0.0",
        "tests/gateway/test_drain.py::test_a_large_room_is_closed_little_by_little_and_nobody_hears_a_leave",
    ),
    Mutant(
        "a restart is told as leaves",
        DRAIN,
        "    piece.live.silence()\n",
        "",
        "tests/gateway/test_drain.py::test_a_large_room_is_closed_little_by_little_and_nobody_hears_a_leave",
    ),
    Mutant(
        "a herd waits in the backlog until it has given up",
        LISTENER,
        "ACCEPTED_IN_A_TURN: Final = 8",
        "ACCEPTED_IN_A_TURN: Final = 1",
        "tests/gateway/test_listener.py::test_a_herd_is_accepted_many_at_a_time",
    ),
    Mutant(
        "a client chooses its address with X-Forwarded-For",
        NETWORK,
        "    while said and address is not None and _is_trusted(address, trusted):\n",
        "    while said and address is not None:\n",
        "tests/gateway/test_limits.py::test_who_is_no_trusted_proxy_cannot_choose_an_address",
    ),
    Mutant(
        "who was removed comes back with the token from before",
        ROOMS,
        "        self.removals.remove_user(room_id, user_id, self._clocks.wall())\n",
        "",
        "tests/gateway/test_moderation.py::test_a_redial_in_the_same_turn_is_refused",
    ),
    Mutant(
        "a token names its own algorithm",
        TOKENS,
        "        keys = [key for key in self._keys if key.algorithm_name == algorithm]\n",
        "        keys = [*self._keys]\n",
        "tests/gateway/test_keys.py::test_each_key_stands_for_its_own_algorithm",
    ),
    Mutant(
        "a new key of the issuer refuses those who use it first",
        TOKENS,
        "            raise KeyUnknown(kid, can_be_had=not self._source.is_failing)\n",
        '            raise TokenRefused("token_invalid")\n',
        "tests/gateway/test_key_sets.py::test_a_client_with_a_new_key_waits_for_it_and_comes_in",
    ),
]
