"""The address that a client dials: `/parties/{party}/{room}?_pk={connectionId}&token={jwt}`.

With `&members=count` it asks for how many are there, not who.
"""

from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from presence_server.core import text
from presence_server.core.close_codes import Close
from presence_server.core.errors import Refused

PARTIES: Final = frozenset({"presence", "main"})
MEMBERS: Final = {"all": False, "count": True}
"""What the parameter `members` may say, and whether that is to count them."""
MAX_PARAMETERS: Final = 32


class Address(NamedTuple):
    """Where a client wants to be. `connection_id` and `token` are None where not given; `counts`
    is whether it is to hear how many are there in place of who.
    """

    room_id: str
    connection_id: str | None
    token: str | None
    counts: bool


def is_party_path(target: str) -> bool:
    """Whether a request target is one that sockets are served at."""
    return target.startswith("/parties/")


def parse_address(target: str) -> Address:
    """Read the target of an upgrade request.

    Raises:
        Refused: 4404 for an unknown party, 4400 for anything else that is wrong.

    """
    path, _, query = target.partition("?")
    parts = path.split("/")
    if len(parts) != 4 or parts[0] or parts[1] != "parties":
        raise Refused(Close.BAD_REQUEST, "address is /parties/{party}/{room}")
    if _unquote(parts[2]) not in PARTIES:
        raise Refused(Close.NO_SUCH_PARTY, "no such party")
    room_id = _unquote(parts[3])
    if not text.is_room_id(room_id):
        raise Refused(Close.BAD_REQUEST, "bad room id")
    parameters = _parameters(query)
    connection_id = parameters.get("_pk")
    if connection_id is not None and not text.is_id(connection_id):
        raise Refused(Close.BAD_REQUEST, "bad connection id")
    counts = MEMBERS.get(parameters.get("members", "all"))
    if counts is None:
        raise Refused(Close.BAD_REQUEST, "bad address: members is all or count")
    return Address(room_id, connection_id, parameters.get("token") or None, counts)


def _unquote(part: str) -> str:
    """Percent-decode once (RFC 3986 §2.1); what isn't UTF-8 is no id."""
    if "%" not in part:
        return part
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return ""


def _parameters(query: str) -> dict[str, str]:
    """The query's parameters; of a repeated one the first, as partysocket puts its own first."""
    if "%" not in query and "+" not in query and query.count("&") < MAX_PARAMETERS:
        parts = (part.partition("=") for part in reversed(query.split("&")))
        return {name: value for name, _, value in parts}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict"
        )
    except ValueError:
        raise Refused(Close.BAD_REQUEST, "bad query") from None
    return dict(reversed(pairs))
