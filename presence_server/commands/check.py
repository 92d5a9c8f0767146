"""`presence-server check`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click

from presence_server import exit_codes, sources
from presence_server.commands import output
from presence_server.commands.checks import (
    addresses,
    certificate,
    exposure,
    history,
    keys,
    limits,
    reach,
)
from presence_server.commands.checks.finding import Finding, Subject, failed, ok
from presence_server.commands.text import plural
from presence_server.flags import SettingsCommand
from presence_server.settings import PREFIX

if TYPE_CHECKING:
    from rich.table import Table

CHECKS: Final = (
    *(addresses.check, keys.check, reach.check_keys, certificate.check, exposure.check),
    *(limits.check, reach.check_webhook, history.check),
)
STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red"}
WIDTHS: Final = (7, 14, None)
"""Of columns on a terminal; the last takes what is left."""
_EPILOG: Final = """\
It ends with 0 if nothing failed, with 1 if something did, with 2 if the settings can't be read. Run
it as the user, in the environment and with the limits of the server.

\b
Examples:
  presence-server check --config /etc/presence-server/presence.toml
  presence-server check | grep -v ^ok
  presence-server check --json | jq '.findings[] | select(.level == "failed")'
"""


@click.command(
    "check", cls=SettingsCommand, epilog=_EPILOG, short_help="Would a server start, and work?"
)
@click.option("--json", "wants_json", is_flag=True, help="write one JSON object")
def command(wants_json: bool, **given: object) -> int:
    """Look at settings, addresses, keys, certificate, limits of the system and what the server has
    to reach, and say what to do. Takes the settings of `serve`, and changes nothing.
    """
    found = _told(_look(given), wants_json)
    if found[0].level == "failed":
        return exit_codes.USAGE
    return exit_codes.FAILED if any(finding.level == "failed" for finding in found) else 0


def _told(findings: Iterable[Finding], wants_json: bool) -> list[Finding]:
    """Write them; somebody who looks on sees each as soon as it is there."""
    if output.is_terminal() and not wants_json:
        return _show(findings)
    found = [*findings]
    output.tell([output.as_json(_object(found), indent=2)] if wants_json else map(_line, found))
    return found


def _look(given: Mapping[str, object]) -> Iterator[Finding]:
    """All findings; if the settings can't be had, what is wrong with them and nothing else."""
    faults = sources.faults(given)
    if faults:
        hint = "mend it, then check again: nothing else was looked at"
        yield from (failed("settings", fault, hint) for fault in faults)
        return
    subject = Subject(sources.load(given), given)
    yield _settings(subject)
    for check in CHECKS:
        yield from check(subject)


def _settings(subject: Subject) -> Finding:
    found = Counter(map(_kind, subject.sources.values()))
    return ok("settings", ", ".join(f"{count} by {kind}" for kind, count in found.items()))


def _kind(source: str) -> str:
    if source.startswith("--"):
        return "flag"
    return "variable" if source.startswith(PREFIX) else source


def _line(finding: Finding) -> str:
    hint = f" – {finding.hint}" if finding.hint else ""
    return f"{finding.level:<8} {finding.about:<12} {finding.says}{hint}"


def _object(found: list[Finding]) -> object:
    levels = Counter(finding.level for finding in found)
    listed = [{**finding._asdict(), "hint": finding.hint or None} for finding in found]
    return {"failed": levels["failed"], "warnings": levels["warning"], "findings": listed}


def _show(findings: Iterable[Finding]) -> list[Finding]:
    """A line each, what to do below it, and how it stands altogether."""
    console, found = output.console(), []
    for finding in findings:
        console.print(_row(finding))
        found.append(finding)
    levels = Counter(finding.level for finding in found)
    console.print(f"\n{levels['failed']} failed, {plural(levels['warning'], 'warning')}")
    return found


def _row(finding: Finding) -> "Table":
    """A table of its own, which need not wait for the next: its columns are as wide as theirs."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for width in WIDTHS:
        table.add_column(width=width)
    says = Text(finding.says)
    if finding.hint:
        says.append(f"\n→ {finding.hint}")
    table.add_row(Text(finding.level, STYLES[finding.level]), Text(finding.about), says)
    return table
