"""Questions to /v1/history: their addresses, and answers that are as they should be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ValidationError

from presence_server.commands import operator
from presence_server.commands.operator import Target
from presence_server.history.api.answers import Answer, Page

Parameters = Mapping[str, str | int | None]
Model = TypeVar("Model", bound=BaseModel)
Row = TypeVar("Row", bound=Answer)
Result = TypeVar("Result")

PAGE: Final = 1_000
"""Rows that an answer has at most."""
GREATEST: Final = 253_370_764_800_000
"""The year 9999 in milliseconds, the last of dates; nothing that is counted comes near it."""


class Said(NamedTuple, Generic[Model]):
    """An answer, and the JSON that it was."""

    answer: Model
    json: dict[str, Any]


def path(question: str, parameters: Parameters) -> str:
    """Where to ask this. What a shell passed on without being UTF-8 stays as it is."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"/v1/history/{question}?{urlencode(given, errors='surrogateescape')}"


async def ask(
    client: httpx.AsyncClient,
    question: str,
    model: type[Model],
    parameters: Parameters,
    *,
    method: str = "GET",
    within: float | None = None,
) -> Said[Model]:
    """Ask once.

    Raises:
        NoAnswer: without an answer of this kind.

    """
    said = await operator.answer(client, path(question, parameters), method, within)
    try:
        found = model.model_validate(said, strict=True, extra="ignore")
    except ValidationError:
        found = None
    if found is None or not _is_sound(said):
        why = f"/v1/history/{question} answers what this version can't read"
        raise operator.stranger(client, why)
    return Said(found, said)


async def pages(
    client: httpx.AsyncClient, question: str, row: type[Row], parameters: Parameters, limit: int
) -> Said[Page[Row]]:
    """Ask for page after page until there are so many rows, or no more; as fresh as the first.

    Raises:
        NoAnswer: without an answer of this kind, or where a page brings nobody further.

    """
    page: type[Page[Row]] = Page[row]  # type: ignore[valid-type] # it is made here
    first = said = await ask(client, question, page, {**parameters, "limit": min(limit, PAGE)})
    rows, listed = [*said.answer.rows], [*said.json["rows"]]
    while said.answer.next is not None and len(rows) < limit:
        further: Parameters = {"limit": min(limit - len(rows), PAGE), "cursor": said.answer.next}
        said = await ask(client, question, page, {**parameters, **further})
        if not said.answer.rows:
            raise operator.stranger(client, f"/v1/history/{question} has pages without rows")
        rows += said.answer.rows
        listed += said.json["rows"]
    end = said.answer.next
    whole = first.answer.model_copy(update={"rows": rows[:limit], "next": end})
    return Said(whole, {**first.json, "rows": listed[:limit], "next": end})


def run(target: Target, work: Callable[[httpx.AsyncClient], Awaitable[Result]]) -> Result:
    """Do some asking."""

    async def asking() -> Result:
        async with operator.client(target) as client:
            return await work(client)

    return asyncio.run(asking())


def _is_sound(value: object) -> bool:
    """Whether all numbers are of a size that can be written down."""
    if isinstance(value, (int, float)):
        return abs(value) <= GREATEST
    if isinstance(value, dict):
        return all(map(_is_sound, value.values()))
    return not isinstance(value, list) or all(map(_is_sound, value))
