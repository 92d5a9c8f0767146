"""What is wrong with settings, in words for those who have to mend it. Pure."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from pydantic_core import ErrorDetails

SHOWN: Final = 40
"""Characters of a refused value that are worth repeating."""

_NUMBER, _WHOLE, _EITHER = "is no number", "is no whole number", "is neither true nor false"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bool_parsing": _EITHER,
        "bool_type": _EITHER,
        "finite_number": "is no finite number",
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": _WHOLE,
        "int_type": _WHOLE,
        "literal_error": "is none of {expected}",
        "path_type": "is no path",
        "string_type": "is no text",
        "tuple_type": "is no list",
    }
)
_BOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be {ge} or more",
        "less_than_equal": "must be {le} or less",
    }
)
_KEY: Final = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""")
_TWICE: Final = re.compile(r"Cannot overwrite a value \(at line (\d+),")
_LINK: Final = re.compile(r"(?:_SERVICE_(?:HOST|PORT(?:_\w+)?)|_PORT_\d+_(?:TCP|UDP)(?:_[A-Z]+)?)$")
_LINKED: Final = re.compile(r"(?:tcp|udp)://")


def refusal(error: ErrorDetails, *, is_secret: bool) -> str:
    """What is wrong with a value, which is repeated unless it is secret, long or said already.

    Of what has no words here pydantic's own are said.
    """
    kind, value = error["type"], error["input"]
    context = {name: _plain(one) for name, one in error.get("ctx", {}).items()}
    is_hidden = is_secret or kind == "value_error" or len(repr(value)) > SHOWN
    if kind in _KINDS:
        return _KINDS[kind].format(**context) + ("" if is_hidden else f": {value!r}")
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context) + ("" if is_hidden else f", not {value}")
    message = error["msg"].removeprefix("Value error, ")
    return message + ("" if is_hidden else f", not {value!r}")


def _plain(value: object) -> str:
    return str(value).replace("'", "").removesuffix(".0")


def broken(error: ValueError, text: str) -> str:
    """Why a TOML file can't be read; of a key that is set twice the library does not say which."""
    found = _TWICE.match(str(error))
    before: list[str] = []
    twice = None
    for at, line in enumerate(text.splitlines()[: int(found[1])] if found else [], 1):
        key = _KEY.match(line)
        if key and key[1] in before:
            twice = f"`{key[1]}` is set twice, the second time at line {at}"
        before += [key[1]] if key else []
    return twice or str(error)


def linked(environment: Mapping[str, str], prefix: str) -> list[str]:
    """Variables with the settings' prefix that are an orchestrator's: addresses of a service."""
    return [
        name
        for name, value in environment.items()
        if name.startswith(prefix)
        and (_LINK.search(name) or (name.endswith("_PORT") and _LINKED.match(value)))
    ]


def of_links(names: Collection[str]) -> str:
    """Whose such variables are, and what to do."""
    first = min(names, key=len)
    services = {re.sub(r"_PORT$", "", _LINK.sub("", name)) for name in names}
    named = " and ".join(f"`{name.lower().replace('_', '-')}`" for name in sorted(services))
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{first}{others}: set by Kubernetes or Docker for a service named {named}: "
        "name it otherwise, or `enableServiceLinks: false`"
    )
