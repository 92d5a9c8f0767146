"""Which scenarios there are, and which servers are compared in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import compression, scenarios, storms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.figures import Figure
    from tests.bench.stage import Bench

ALL = ("c-event", "c-turn", "ws", "bun", "broadcast", "starlette", "workerd")
FAST = ("c-event", "c-turn", "ws", "bun")


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario, by a name that several may share, and the references that it is worth."""

    name: str
    run: Callable[[Bench], Iterator[Figure]]
    against: tuple[str, ...] = ALL
    is_part: bool = False  # another row measures it too: only where it is asked for by name


ROWS = (
    Row("fanout", scenarios.fan_out_large),
    Row("fanout", scenarios.fan_out_medium),
    Row("fanout", scenarios.fan_out_many, FAST),
    Row("storm", storms.storm, ("c-turn", "bun")),
    Row("calm", storms.calm),
    Row("cursors", storms.cursors, ("c-turn", "bun")),
    Row("rooms", scenarios.many_rooms, FAST),
    Row("latency", scenarios.latency, FAST),
    Row("quiet", scenarios.quiet_rooms, FAST),
    Row("join", scenarios.join, is_part=True),
    Row("rush", scenarios.rush, ("c-turn", "bun")),
    Row("accept", scenarios.accept),
    Row("compression", compression.compression, ()),
    Row("idle", scenarios.idle, ("c-event", "ws", "bun")),
)
NAMES = tuple(dict.fromkeys(row.name for row in ROWS))
