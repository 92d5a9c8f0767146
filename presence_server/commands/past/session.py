"""`presence-server history session`."""

from functools import partial
from typing import Final, NamedTuple

import click
import httpx

from presence_server.commands import output
from presence_server.commands.operator import NoAnswer
from presence_server.commands.past import asking, call, showing
from presence_server.commands.past.activity import TRAIL
from presence_server.commands.past.asking import Parameters, Said
from presence_server.commands.past.call import Call
from presence_server.commands.past.sessions import COLUMNS as FIGURES
from presence_server.commands.past.showing import USER, Column, Listing
from presence_server.commands.past.words import ForPeople
from presence_server.commands.text import clean, plural
from presence_server.history.api.answers import (
    Activity,
    OneSession,
    Page,
    Participant,
    Session,
)

PARTICIPANTS: Final = (
    *USER,
    Column("role", lambda row, _: row.role),
    Column("joined", lambda row, words: words.when(row.joined_at)),
    Column("left", lambda row, words: words.until(row.left_at, "is here")),
    Column("because", lambda row, _: row.left_because or ""),
    Column("joins", lambda row, words: words.count(row.joins), is_number=True),
    Column("present", lambda row, words: words.lasted(row.present_ms), is_number=True),
)
_EPILOG: Final = """\
In a pipe it writes three tables, with an empty line between. --csv has the participants; the trail
is that of activity --session.

\b
Examples:
  presence-server history session presence-acme
  presence-server history session presence-acme 7 --limit 1000 --csv > participants.csv
  presence-server history session presence-acme --json | jq '.participants[].userId'
"""


class Story(NamedTuple):
    """A session, who took part, and what happened, the newest first."""

    session: Said[OneSession]
    participants: Said[Page[Participant]]
    activity: Said[Page[Activity]]


@click.command("session", epilog=_EPILOG, short_help="Who was in a session, and what happened.")
@call.room
@click.argument("number", type=click.IntRange(1), required=False)
@call.limit(50, 100_000, "participants, and lines of the trail")
@call.asks()
def command(asked: Call, room: str, number: int | None, limit: int) -> None:
    """Print a session of ROOM, by its NUMBER or the newest: its figures, participants and trail."""
    story = asking.run(asked.target, partial(_ask, room=room, number=number, limit=limit))
    if asked.form == "json":
        output.tell([output.as_json(_json(story), indent=2)])
    elif asked.form == "csv":
        _, participants, _ = _listings(story)
        showing.show("csv", story.session.answer, {}, participants)
    elif asked.form == "tabs":
        _tell(story)
    else:
        _draw(story, room)


async def _ask(client: httpx.AsyncClient, room: str, number: int | None, limit: int) -> Story:
    number = number or await _newest(client, room)
    of: Parameters = {"room": room, "session": number}
    return Story(
        await asking.ask(client, "session", OneSession, of),
        await asking.pages(client, "participants", Participant, of, limit),
        await asking.pages(client, "activity", Activity, of, limit),
    )


async def _newest(client: httpx.AsyncClient, room: str) -> int:
    said = await asking.pages(client, "sessions", Session, {"room": room}, 1)
    if not said.answer.rows:
        raise NoAnswer(f"{clean(room)} had no session")
    return said.answer.rows[0].session


def _json(story: Story) -> dict[str, object]:
    found = (story.participants.json, story.activity.json)
    participants, activity = ({"rows": page["rows"], "next": page["next"]} for page in found)
    return {**story.session.json, "participants": participants, "activity": activity}


def _listings(story: Story) -> tuple[Listing, Listing, Listing]:
    """Its parts; the trail as it went."""
    participants, activity = story.participants.answer, story.activity.answer
    return (
        Listing(Session, [story.session.answer], FIGURES, ""),
        Listing(
            Participant,
            participants.rows,
            PARTICIPANTS,
            "nobody took part",
            notes=() if participants.next is None else ("… and more: see --limit",),
        ),
        Listing(
            Activity,
            activity.rows[::-1],
            TRAIL,
            "nothing happened",
            notes=() if activity.next is None else ("what was before this is left out: --limit",),
        ),
    )


def _tell(story: Story) -> None:
    figures, *others = _listings(story)
    showing.tell(figures)
    for listing in others:
        output.tell([""])
        showing.tell(listing)
    showing.aside(story.session.answer, *others)


def _draw(story: Story, room: str) -> None:
    _, *listings = _listings(story)
    found = story.session.answer
    now = showing.now(found)
    showing.heading(f"session {found.session} of {clean(room)}", _figures(found, now))
    for listing in listings:
        output.tell([""])
        showing.draw(listing, now)
    showing.remark(showing.freshness(found))


def _figures(found: OneSession, now: int) -> str:
    words = ForPeople(now)
    if found.closed_at is not None:
        end = f"ended {words.when(found.closed_at)}"
    elif found.empty_since is not None:
        end = f"empty for {words.lasted(now - found.empty_since)}"
    else:
        end = f"{found.members:,} here now"
    counted = (plural(found.users, "user"), plural(found.joins, "join"))
    most = f"at most {found.peak:,} at once"
    opened = f"opened {words.when(found.opened_at)}"
    return ", ".join((opened, end, *counted, most, plural(found.views, "view")))
