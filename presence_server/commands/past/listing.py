"""What questions that are answered in pages have in common."""

from collections.abc import Sequence
from functools import partial

from presence_server.commands.past import asking, showing
from presence_server.commands.past.asking import Parameters, Row
from presence_server.commands.past.call import Call
from presence_server.commands.past.showing import Column, Listing


def show(
    asked: Call,
    question: str,
    row: type[Row],
    parameters: Parameters,
    limit: int,
    columns: Sequence[Column],
    nothing: str,
) -> None:
    """Ask for so many rows, and write them."""
    said = asking.run(
        asked.target,
        partial(asking.pages, question=question, row=row, parameters=parameters, limit=limit),
    )
    notes = () if said.answer.next is None else (f"… and more than these {limit:,}: see --limit",)
    listing = Listing(row, said.answer.rows, columns, nothing, notes)
    showing.show(asked.form, said.answer, said.json, listing)
