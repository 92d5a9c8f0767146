"""What a Containerfile says, stage by stage."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy" / "container"


class Step(NamedTuple):
    """An instruction, its `--flags`, and the rest of the line."""

    name: str
    flags: tuple[str, ...]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as a list, from JSON where it is that."""
        command = self.rest.removeprefix("CMD ")  # of HEALTHCHECK
        return list(json.loads(command)) if self.is_exec else command.split()

    @property
    def is_exec(self) -> bool:
        """Whether it is a list, which goes through no shell."""
        return self.rest.removeprefix("CMD ").startswith("[")

    @property
    def pairs(self) -> dict[str, str]:
        """The rest of ENV or LABEL."""
        return {name: value.strip('"') for name, value in re.findall(_PAIR, self.rest)}


_PAIR: Final = r'([\w.]+)=("[^"]*"|\S+)'
_FLAGS: Final = re.compile(r"(--\S+)\s+")

Stage = list[Step]


def stages() -> list[Stage]:
    """The steps of each stage; what comes before the first FROM is left out."""
    found: list[Stage] = []
    for step in _steps((FOLDER / "Containerfile").read_text()):
        if step.name == "FROM":
            found.append([])
        if found:
            found[-1].append(step)
    return found


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        rest = " ".join(rest.split())
        flags = []
        while found := _FLAGS.match(rest):
            flags.append(found[1])
            rest = rest[found.end() :]
        yield Step(name, tuple(flags), rest)
