"""What happened before each alert, and what happened when there is none.

Values are promtool's, one for each 30 s: `a+bxn` is a, then n more, each b higher.
"""

from collections.abc import Mapping
from typing import NamedTuple

Series = Mapping[str, str]
"""Values by series; the target's labels are added."""


class History(NamedTuple):
    """At the minute `at` the alert fires and `says` so after `fires`, and is not after `quiet`."""

    alert: str
    at: int
    says: str
    fires: Series
    quiet: tuple[Series, ...]
    labels: Mapping[str, str] = {}
    is_of_target: bool = True


REFUSED = "presence_connections_refused_total"
ACCEPTED = "presence_connections_accepted_total"
FETCHES = "presence_jwks_fetches_total"
POSTS = "presence_webhook_posts_total"
CERTIFICATE = "presence_certificate_expiry_timestamp_seconds"


def spread(name: str, bounds: tuple[str, ...], *rates: int) -> Series:
    """A histogram that counts so many more below each bound every 30 s."""
    steps = zip(bounds, rates, strict=True)
    return {f'{name}_bucket{{le="{bound}"}}': f"0+{rate}x60" for bound, rate in steps}


HISTORIES = [
    History(
        "PresenceDown",
        at=3,
        fires={"up": "1 0x9"},
        says="Prometheus has had no metrics from one for a minute (up is 0): the server is down, "
        "hangs, or its admin listener can't be reached.",
        quiet=({"up": "1x10"}, {"up": "1 1 1 1 0 1 1"}),
    ),
    History(
        "PresenceAbsent",
        at=6,
        fires={"up{job='another'}": "1x20"},
        says="There is no target of the job presence (absent is 1): no other alert here can fire.",
        quiet=({"up": "1x20"}, {"up": "0x20"}),
        labels={"job": "presence"},
        is_of_target=False,
    ),
    History(
        "PresenceRestarting",
        at=10,
        fires={"process_start_time_seconds": "1x4 100x4 200x4 300x10"},
        says="one was started 3 times in 15 minutes.",
        quiet=(
            {"process_start_time_seconds": "1x10 100x20"},
            {"process_start_time_seconds{job='another'}": "1x4 100x4 200x4 300x10"},
        ),
    ),
    History(
        "PresenceConnectionsFell",
        at=15,
        fires={"presence_connections": "200x20 40x20"},
        says="one has 20% of the connections that it had within the last 15 minutes, and they "
        "don't come back.",
        quiet=(
            {"presence_connections": "200-3x40"},
            {"presence_connections": "20x20 1x20"},
            {"presence_connections": "200x25 0 200x20"},
        ),
    ),
    History(
        "PresenceNoKeys",
        at=3,
        fires={"presence_keys": "0x10"},
        says="one has 0 keys: nobody can get in, and it is not ready.",
        quiet=({"presence_keys": "0 1x10"},),
    ),
    History(
        "PresenceKeysNotRenewed",
        at=21,
        fires={f"{FETCHES}{{result='ok'}}": "1x60", f"{FETCHES}{{result='failed'}}": "0+1x60"},
        says="one tried 30 times in 15 minutes to fetch the JWK Set, and never could. The keys it "
        "has still count; new ones are not known.",
        quiet=(
            {f"{FETCHES}{{result='ok'}}": "0x60", f"{FETCHES}{{result='failed'}}": "0x60"},
            {
                f"{FETCHES}{{result='ok'}}": "1x9 2x9 3x9 4x9 5x9",
                f"{FETCHES}{{result='failed'}}": "0x20 1x40",
            },
        ),
        labels={"result": "failed"},
    ),
    History(
        "PresenceTokensRefused",
        at=20,
        fires={
            f"{REFUSED}{{reason='token_invalid'}}": "0+60x60",
            f"{REFUSED}{{reason='token_expired'}}": "0+30x60",
            ACCEPTED: "0+10x60",
        },
        says="one refuses 90% of those who bring a token, as invalid or expired.",
        quiet=(
            {f"{REFUSED}{{reason='token_expired'}}": "0+30x60", ACCEPTED: "0+60x60"},
            {f"{REFUSED}{{reason='token_invalid'}}": "0+1x60", ACCEPTED: "0x60"},
            {f"{REFUSED}{{reason='token_missing'}}": "0+60x60", ACCEPTED: "0x60"},
        ),
    ),
    History(
        "PresenceRefusing",
        at=10,
        fires={f"{REFUSED}{{reason='overload'}}": "0+60x60"},
        says="one refuses 2 connections a second, for the reason overload. Those who are inside "
        "stay.",
        quiet=(
            {f"{REFUSED}{{reason='overload'}}": "0x17 500x40"},
            {f"{REFUSED}{{reason='token_invalid'}}": "0+60x60"},
        ),
        labels={"reason": "overload"},
    ),
    History(
        "PresenceRefusingSome",
        at=25,
        fires={f"{REFUSED}{{reason='room_users'}}": "0+30x60"},
        says="one refuses 1 connections a second, for the reason room_users: a limit is too low, "
        "or a client doesn't stop.",
        quiet=({f"{REFUSED}{{reason='room_users'}}": "0+3x60"},),
        labels={"reason": "room_users"},
    ),
    History(
        "PresenceNearlyFull",
        at=10,
        fires={"presence_connections": "900x60", "presence_max_connections": "1000x60"},
        says="one has 90% of the connections that it may have.",
        quiet=({"presence_connections": "800x60", "presence_max_connections": "1000x60"},),
    ),
    History(
        "PresenceDescriptorsNearlyUsed",
        at=10,
        fires={"process_open_fds": "1000x60", "process_max_fds": "1024x60"},
        says="one uses 97.66% of its file descriptors: beyond them sockets are cut without a word.",
        quiet=({"process_open_fds": "850x60", "process_max_fds": "1024x60"},),
    ),
    History(
        "PresenceLoopLagging",
        at=15,
        fires=spread("presence_loop_lag_seconds", ("0.1", "0.25", "+Inf"), 30, 60, 60),
        says="One timer in a hundred runs 247ms late on one, and so does everything that anybody "
        "there sees.",
        quiet=(spread("presence_loop_lag_seconds", ("0.01", "0.25", "+Inf"), 60, 60, 60),),
    ),
    History(
        "PresenceFanoutSlow",
        at=20,
        fires=spread("presence_fanout_seconds", ("0.05", "0.25", "+Inf"), 30, 60, 60),
        says="One batch in a hundred takes 246ms to be written to all of a room on one; all other "
        "rooms wait meanwhile.",
        quiet=(spread("presence_fanout_seconds", ("0.05", "0.25", "+Inf"), 60, 60, 60),),
    ),
    History(
        "PresencePingSlow",
        at=25,
        fires=spread("presence_ping_seconds", ("1.0", "5.0", "+Inf"), 30, 60, 60),
        says="One ping in twenty of one takes 4.6s or longer to come back.",
        quiet=(
            spread("presence_ping_seconds", ("1.0", "5.0", "+Inf"), 60, 60, 60),
            spread("presence_ping_seconds", ("1.0", "5.0", "+Inf"), 0, 0, 0),
        ),
    ),
    History(
        "PresenceReadersBehind",
        at=15,
        fires={"presence_members_behind": "100x60", "presence_connections": "1000x60"},
        says="10% of the connections to one read so slowly that they are owed a snapshot.",
        quiet=(
            {"presence_members_behind": "30x60", "presence_connections": "1000x60"},
            {"presence_members_behind": "2x60", "presence_connections": "4x60"},
            {"presence_members_behind": "0x60", "presence_connections": "0x60"},
        ),
    ),
    History(
        "PresenceCertificateEnds",
        at=15,
        fires={CERTIFICATE: "864900x60"},
        says="The certificate that one uses ends in 10 days.",
        quiet=({CERTIFICATE: "0x60"}, {CERTIFICATE: "1735200x60"}),
    ),
    History(
        "PresenceCertificateEndsNow",
        at=15,
        fires={CERTIFICATE: "173700x60"},
        says="The certificate that one uses ends in 2 days; then no browser can connect.",
        quiet=({CERTIFICATE: "0x60"}, {CERTIFICATE: "864900x60"}),
    ),
    History(
        "PresenceReloadFailed",
        at=10,
        fires={"presence_reloads_total{result='failed'}": "0x10 1x50"},
        says="1 reloads of one failed within an hour: keys, certificate and settings are still the "
        "old ones.",
        quiet=(
            {
                "presence_reloads_total{result='failed'}": "0x60",
                "presence_reloads_total{result='ok'}": "0x10 1x50",
            },
        ),
        labels={"result": "failed"},
    ),
    History(
        "PresenceWebhookFailing",
        at=21,
        fires={
            f"{POSTS}{{result='ok'}}": "7x60",
            f"{POSTS}{{result='timeout'}}": "0+1x60",
            f"{POSTS}{{result='refused'}}": "0+1x60",
        },
        says="one posted 60 times in 15 minutes to the webhook, and none was taken. Nobody in a "
        "room notices; your application does not hear who comes and goes.",
        quiet=(
            {f"{POSTS}{{result='ok'}}": "0x60", f"{POSTS}{{result='timeout'}}": "0x60"},
            {f"{POSTS}{{result='ok'}}": "0+1x60", f"{POSTS}{{result='timeout'}}": "0+1x60"},
        ),
    ),
    History(
        "PresenceWebhookDropping",
        at=15,
        fires={"presence_webhook_dropped_total": "0x10 20x50"},
        says="one gave up 20 events in 15 minutes that the webhook was not told of.",
        quiet=({"presence_webhook_dropped_total": "0x60"},),
    ),
    History(
        "PresenceHistoryBehind",
        at=5,
        fires={"presence_history_lag_seconds": "0 30 90 120 150 180 210 240 270 300 330 360 390"},
        says="What happened 330 s ago on one is not in the database yet. It waits in memory, up to "
        "PRESENCE_HISTORY_BUFFER bytes. Nobody in a room notices.",
        quiet=(
            {"presence_history_lag_seconds": "0x60"},
            {"presence_history_lag_seconds": "1 90 1 90 1 90 1 90 1 90 1 90"},
        ),
    ),
    History(
        "PresenceHistoryDropping",
        at=15,
        fires={"presence_history_dropped_total": "0x10 20x50"},
        says="one gave up 20 facts in 15 minutes that the database did not take in time. What was "
        "viewed meanwhile is not known.",
        quiet=({"presence_history_dropped_total": "7x60"},),
    ),
    History(
        "PresenceLogLinesDropped",
        at=15,
        fires={"presence_log_dropped_total": "0x10 20x50"},
        says="one dropped 20 lines of its log in 15 minutes, because nobody took them from it.",
        quiet=({"presence_log_dropped_total": "20x60"},),
    ),
]
