"""Figures in, Markdown out."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tests.bench.figures import OURS, Figure, Figures, cell, spread
from tests.bench.targets import Judgement, Target, judged, strange, strangeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def report(figures: Figures, names: Mapping[str, str]) -> str:
    """Lay out all tables that there is something for, and what is to be said about them."""
    parts = [
        _table_of_targets(figures),
        _table_of_all(figures),
        _list(_remarks(figures, names)),
        _table_of_ours(figures),
        _list(_notes(figures.all)),
    ]
    return "\n".join(part for part in parts if part)


def _remarks(figures: Figures, names: Mapping[str, str]) -> Iterator[str]:
    """Say who the others are, who of them had troubles, and what is strange."""
    measured = figures.servers()
    yield from (f"{key}: {name}" for key, name in names.items() if key in measured and key != OURS)
    yield from (f"{row}, {key}: {trouble}" for (row, key), trouble in figures.troubles.items())
    yield from (f"{what}: {remark}" for what, remark in strange(figures))


def _notes(figures: Iterable[Figure]) -> Iterator[str]:
    """Give each note once, however many figures of a measurement it was attached to."""
    said = [
        (figure.what.partition(", ")[0], figure.key, n) for figure in figures for n in figure.notes
    ]
    return (f"{what}, {key}: {note}" for what, key, note in dict.fromkeys(said))


# --- targets


def _table_of_targets(figures: Figures) -> str:
    judgements = list(judged(figures))
    if not judgements:
        return ""
    return _table(
        ["measured", "ours", "reference", "ratio", "target", "reached"],
        [_row_of_target(judgement, figures) for judgement in judgements],
        "lrlrll",
    )


def _row_of_target(j: Judgement, figures: Figures) -> list[str]:
    unit = figures.of(j.target.what, OURS)[0].unit
    return [
        j.target.what,
        f"{spread(j.ours)} {unit}",
        _reference(j, figures),
        spread(j.values) if j.best and j.values else "",
        _bound(j.target, unit),
        _reached(j),
    ]


def _reference(j: Judgement, figures: Figures) -> str:
    if not j.best:
        return ""
    mark = " (\\*)" if strangeness(j.target.what, j.best, figures) else ""
    return f"{j.best}: {spread(j.reference) if j.reference else '–'}{mark}"


def _bound(target: Target, unit: str) -> str:
    sign, bound = ("≥", target.at_least) if target.at_most is None else ("≤", target.at_most)
    if not target.against:
        return f"{sign} {bound:,g} {unit}"
    of = "cost " if target.inverted else ""
    return f"{of}{sign} {bound:g} ×"


def _reached(judgement: Judgement) -> str:
    if not judgement.values:
        return "not measured"
    said = "yes" if judgement.reached else "**no**"
    unanimous = judgement.times in (0, len(judgement.values))
    return said if unanimous else f"{said} ({judgement.times} of {len(judgement.values)})"


# --- all servers


def _table_of_all(figures: Figures) -> str:
    keys = figures.servers()
    if keys in ([], [OURS]):
        return ""
    rows = [_row_of_all(what, keys, figures) for what in figures.whats()]
    return _table(["measured", "", *keys], rows, "ll" + "r" * len(keys))


def _row_of_all(what: str, keys: Sequence[str], figures: Figures) -> list[str]:
    unit = next(figure.unit for figure in figures.all if figure.what == what)
    groups = [figures.of(what, key) for key in keys]
    return [what, unit, *(cell(group) if group else "" for group in groups)]


# --- ours


def _table_of_ours(figures: Figures) -> str:
    groups = [group for what in figures.whats() if (group := figures.of(what, OURS))]
    return _table(
        ["measured", "figure", "", "server busy", "generator busy"],
        [*map(_row_of_ours, groups), *map(_row_of_loss, figures.failures)],
        "lrlrr",
    )


def _row_of_loss(failure: str) -> list[str]:
    return ["**LOST**", failure.replace("|", "/"), "", "", ""]


def _row_of_ours(group: Sequence[Figure]) -> list[str]:
    server = median(figure.server_busy for figure in group)
    generator = median(figure.generator_busy for figure in group)
    return [group[0].what, cell(group), group[0].unit, f"{server:.0%}", f"{generator:.0%}"]


# --- Markdown


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], sides: str) -> str:
    rules = ["---:" if side == "r" else "---" for side in sides]
    lines = [head, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)
