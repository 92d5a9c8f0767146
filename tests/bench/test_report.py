"""What was measured must be judged rightly, and shown as it is."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.bench.chart import Scale, chart
from tests.bench.figures import OURS, Figure, Figures, number
from tests.bench.generator import HERE, compile_c
from tests.bench.report import report
from tests.bench.server import LISTENING, Cpu
from tests.bench.targets import ALONE, IDLE, MANY, ROOMS, TARGETS, Target, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNIT = "deliveries per server CPU s"


def figures(what: str, **values: Sequence[float]) -> Figures:
    """Make the repetitions of each server; `c_turn` stands for c-turn."""
    return Figures(
        [
            Figure(what, value, UNIT, 1.0, 0.5, key.replace("_", "-"), turn)
            for key, repeated in values.items()
            for turn, value in enumerate(repeated)
        ]
    )


def test_repetitions_become_a_median_and_a_spread() -> None:
    found = report(figures("cost", ours=(3.0, 1.0, 2.0)), {})
    assert f"| cost | 2.00 (1.00–3.00) | {UNIT} | 100% | 50% |" in found


def test_a_ratio_is_of_figures_measured_next_to_each_other() -> None:
    # The machine was three times slower in the second repetition, for both.
    found = judge(
        Target("speed", at_least=0.8, against=("c-turn",)),
        figures("speed", ours=(90, 30, 90), c_turn=(100, 33, 100)),
    )
    assert found.values == pytest.approx([0.9, 30 / 33, 0.9])
    assert found.reached


def test_a_ratio_without_its_reference_is_left_out() -> None:
    target = Target("speed", at_least=0.8, against=("c-turn",))
    found = judge(target, figures("speed", ours=(90, 30), c_turn=(100,)))
    assert found.values == [0.9]
    assert not judge(target, figures("speed", ours=(90,))).reached


@pytest.mark.parametrize(
    ("ours", "reached"), [(84.0, True), (83.0, False)], ids=["just enough", "not enough"]
)
def test_a_bound_for_the_cost_is_the_inverse_of_the_speed(ours: float, reached: bool) -> None:
    target = Target("speed", at_most=1.2, against=("c-event",), inverted=True)
    found = judge(target, figures("speed", ours=(ours,), c_event=(100,)))
    assert found.values == pytest.approx([100 / ours])
    assert found.reached is reached


def test_of_several_references_the_best_counts_and_is_named() -> None:
    target = Target("latency", at_most=1.3, against=("c-event", "c-turn"))
    found = judge(target, figures("latency", ours=(3, 3), c_event=(2, 4), c_turn=(4, 4.1)))
    assert found.values == pytest.approx([1.5, 0.75])
    assert found.best == "c-event"
    assert found.reference == (2, 4)


def test_the_median_decides_and_the_others_are_counted() -> None:
    found = report(figures(ROOMS, ours=(10, 10, 20), c_turn=(10, 9, 10)), {})
    assert "| 1.11 (1.00–2.00) | ≤ 1.3 × | yes (2 of 3) |" in found
    assert "| c-event: – |  | ≤ 1.3 × | not measured |" in found


def test_a_missed_target_says_no() -> None:
    found = report(figures(MANY, ours=(2e6,), c_turn=(17.3e6,), bun=(1e6,)), {})
    assert f"| 2.00 M {UNIT} | c-turn: 17.3 M | 0.116 | ≥ 0.8 × | **no** |" in found
    assert f"| 2.00 M {UNIT} | bun: 1.00 M | 2.00 | ≥ 2.5 × | **no** |" in found


def test_a_floor_that_is_far_from_what_it_was_is_marked() -> None:
    found = report(figures(MANY, ours=(2e6,), c_turn=(8.65e6,)), {})
    assert "c-turn: 8.65 M (\\*)" in found
    assert "c-turn gave 0.5 × what it did where the targets were set" in found


def test_a_target_without_a_reference_is_for_the_figure_itself() -> None:
    target = Target("p99", at_most=20)
    assert judge(target, figures("p99", ours=(19, 21, 20))).reached
    assert judge(target, figures("p99", ours=(19, 21, 20))).times == 2
    assert not judge(target, figures("p99", ours=(21,))).reached


def test_who_was_not_waited_for_is_behind_by_more_than_that() -> None:
    slow = Figure("storm, behind at its end", 10.0, "s", 1.0, 1.0, "ws", beyond=True)
    found = figures("storm, behind at its end", ours=(0.01,))
    found.all.append(slow)
    assert "| 0.0100 | > 10.0 |" in report(found, {"ws": "Node"})


def test_every_target_is_for_ours_and_has_one_bound() -> None:
    for target in TARGETS:
        assert (target.at_least is None) is not (target.at_most is None)
        assert OURS not in target.against


def test_a_chart_shows_every_server_that_was_measured() -> None:
    found = figures(ALONE, ours=(100_000,), c_turn=(120_000,))
    found.all += figures(IDLE, ours=(4,), ws=(9,)).all
    drawn = chart(found, {OURS: "presence-server", "c-turn": "C & one write", "ws": "Node"})
    texts = [unescape(text) for text in re.findall("<text[^>]*>([^<]+)</text>", drawn)]
    names = [text for text in texts if text in ("presence-server", "C & one write", "Node")]
    assert names == ["presence-server", "C & one write", "presence-server", "Node"]
    assert "120,000" in texts


def test_a_scale_is_logarithmic_where_values_lie_far_apart() -> None:
    near, far = Scale.of([50, 100]), Scale.of([10, 10_000])
    assert near.width(50) == pytest.approx(near.width(100) / 2)
    assert far.width(1000) / far.width(10_000) == pytest.approx(3 / 4)


def test_the_time_of_a_thread_that_ended_is_not_lost() -> None:
    before = Cpu({1: 1_000_000_000, 2: 5_000_000_000}, ticks_s=6.0)
    assert Cpu({1: 1_500_000_000, 2: 5_250_000_000}, ticks_s=6.74).since(before) == 0.75
    assert Cpu({1: 1_500_000_000}, ticks_s=8.0).since(before) == pytest.approx(2.0, abs=0.05)


def test_the_admin_listener_is_found_where_there_is_one() -> None:
    both = LISTENING.search("a 1 listening on http://127.0.0.1:1 (admin http://127.0.0.1:2)")
    assert both
    assert (both["port"], both["admin"]) == ("1", "2")
    one = LISTENING.search("a 1 listening on http://127.0.0.1:1\n")
    assert one
    assert one["admin"] is None


def test_times_are_off_by_less_than_a_hundredth(tmp_path: Path) -> None:
    program = tmp_path / "times.c"
    program.write_text(
        """
        #include "load.h"
        #include <stdio.h>
        int main(void)
        {
            for (double ns = 50; ns < 1e12; ns *= 1.013) {
                printf("{\\"exact_ms\\":%.9f,", (double)(uint64_t)ns / 1e6);
                took(EACH, (uint64_t)ns);
                print_times();
                printf("\\"end\\":0}\\n");
            }
            for (uint64_t n = 1; n <= 1000; n++)
                took(LAST, n * 1000000);
            print_times();
        }
        """
    )
    binary = tmp_path / "times"
    compile_c(binary, [program, HERE / "times.c"])
    *lines, last = subprocess.run([binary], capture_output=True, check=True).stdout.splitlines()
    assert len(lines) > 1500
    for line in lines:
        exact, shown = (float(part.split(b":")[-1]) for part in line.split(b",")[0:3:2])
        assert shown == pytest.approx(exact, rel=0.01, abs=1e-5)
    values = dict(part.split(b":")[-2:] for part in last.strip(b",}").split(b","))
    assert float(values[b'"p50_ms"']) == pytest.approx(500, rel=0.01)
    assert float(values[b'"p95_ms"']) == pytest.approx(950, rel=0.01)
    assert float(values[b'"p99_ms"']) == pytest.approx(990, rel=0.01)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_384_000, "1.38 M"),
        (12_345, "12,300"),
        (1234, "1,230"),
        (123.4, "123"),
        (0.01234, "0.0123"),
        (0, "0"),
    ],
)
def test_numbers_have_three_figures(value: float, shown: str) -> None:
    assert number(value) == shown
