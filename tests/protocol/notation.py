"""The notation of `protocol/`: big values in few words, and values that may vary."""

import json
from typing import Any


def expand(value: Any, now: int = 0) -> Any:
    """`value` with everything that stands for something bigger written out.

    `now` is what times relative to now (`{"now": seconds}`) count from.
    """
    if isinstance(value, list):
        return [expand(item, now) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"repeat": unit, "times": times} if len(value) == 2:
            return expand(unit, now) * times
        case {"join": parts} if len(value) == 1:
            return "".join(expand(parts, now))
        case {"nest": depth} if len(value) == 1:
            return nest(depth)
        case {"now": seconds} if len(value) == 1:
            return now + seconds
    return {key: expand(item, now) for key, item in value.items()}


def nest(depth: int) -> dict[str, Any]:
    """An object of `depth` objects, one in the other."""
    innermost: dict[str, Any] = {}
    for _ in range(depth - 1):
        innermost = {"in": innermost}
    return innermost


ENTRY = {"userImage": None, "currentPath": "", "status": "online", "role": "commenter"}
WELCOME = {"version": 1, "role": "commenter", "observe": False, "pingInterval": 10_000}


def whole(message: dict[str, Any]) -> dict[str, Any]:
    """A message of a scenario with what is as usual, and so was left out, put in."""
    match message["type"]:
        case "welcome":
            return WELCOME | message
        case "presence_snapshot":
            return message | {"users": [whole_entry(user) for user in message["users"]]}
        case "user_joined" | "presence_changed":
            return whole_entry(message)
    return message


def whole_entry(fields: dict[str, Any]) -> dict[str, Any]:
    """An entry, or a message that is one, with what is as usual put in."""
    return {"userName": fields["userId"], **ENTRY, **fields}


def whole_map(members: dict[str, Any]) -> dict[str, Any]:
    """A map of a scenario with what is as usual put in."""
    return {user: whole_entry({"userId": user, **entry}) for user, entry in members.items()}


def fill(expected: Any, actual: Any) -> Any:
    """`expected` with what may vary taken from `actual`, where `actual` is one that fits."""
    match expected:
        case {"any": "string"} if isinstance(actual, str):
            return actual
        case {"about": number} if type(actual) is int and abs(actual - number) <= 100:
            return actual
        case dict() if isinstance(actual, dict):
            return {key: fill(item, actual.get(key)) for key, item in expected.items()}
        case list() if isinstance(actual, list) and len(actual) == len(expected):
            return [fill(*pair) for pair in zip(expected, actual, strict=True)]
    return expected


def canonical(value: Any) -> str:
    """`value` as text that is equal where JSON is: `1`, `1.0` and `true` are three things."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
