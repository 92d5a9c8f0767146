"""Whether what the server sends fits `protocol/schema/server.json`."""

import json
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec
from jsonschema import Draft202012Validator, ValidationError, validators

from presence_server.core import text
from presence_server.core.messages import ServerMessage
from tests.fuzz.reading import Broken

SAMPLE: Final = 16
"""Every so manieth message is held against the schema, the others against its types alone."""
MAX_KNOWN: Final = 4_096
"""How many that fitted are remembered: most are the same from one input to the next."""

_FILE: Final = Path(__file__).parents[2] / "protocol" / "schema" / "server.json"


def check(raw: bytes, message: dict[str, Any], *, thorough: bool) -> None:
    """Hold one message against its types, and a sample (or all, if `thorough`) against the schema.

    Raises:
        Broken: if it does not fit.

    """
    if (raw, thorough) in _KNOWN:
        return
    try:
        msgspec.convert(message, ServerMessage)
        if thorough or crc32(raw) % SAMPLE == 0:
            _BY_TYPE[message["type"]].validate(message)
    except (msgspec.ValidationError, ValidationError) as error:
        raise Broken("every_message_fits_the_schema", (str(error)[:300], raw[:300])) from None
    if len(_KNOWN) < MAX_KNOWN:
        _KNOWN.add((raw, thorough))


def _max_bytes(_: Any, limit: int, value: Any, _schema: Any) -> Any:
    size = len(value.encode() if isinstance(value, str) else text.compact(value))
    if size > limit:
        yield ValidationError(f"{size} bytes, at most {limit}")


def _max_depth(_: Any, limit: int, value: Any, _schema: Any) -> Any:
    if text.depth_exceeds(value, limit):
        yield ValidationError(f"deeper than {limit}")


def _by_type() -> dict[str, Any]:
    schema = json.loads(_FILE.read_text())
    ours = {"x-maxBytes": _max_bytes, "x-maxDepth": _max_depth}
    kind = validators.extend(Draft202012Validator, ours)  # type: ignore[no-untyped-call] # not in its stubs
    return {
        name: kind({"$ref": ref, "$defs": schema["$defs"]})
        for name, ref in schema["discriminator"]["mapping"].items()
    }


_BY_TYPE: Final = _by_type()
_KNOWN: Final[set[tuple[bytes, bool]]] = set()
