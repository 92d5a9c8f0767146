"""Where a client dials: parsed once, written with each token. Pure."""

import re
import ssl
from dataclasses import dataclass
from typing import Final, Literal, Self, get_args
from urllib.parse import quote, unquote, urlencode, urlsplit

Members = Literal["all", "count"]
"""What to hear of a room: who is there, or how many."""

DEFAULT_PARTY: Final = "presence"
_WHOLE: Final = re.compile(r"(?P<base>.*)/parties/(?P<party>[^/]+)/(?P<room>[^/]+)/?", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """Where to dial, and as which connection: the same for life, so that a redial is a takeover."""

    base: str
    party: str
    room: str
    connection_id: str
    tls: ssl.SSLContext | None = None
    members: Members = "all"

    @classmethod
    def parse(
        cls,
        url: str,
        room: str | None,
        party: str | None,
        connection_id: str,
        tls: ssl.SSLContext | None,
        members: Members = "all",
    ) -> Self:
        """A host (and prefix) with a room, or a whole address without one; else ValueError."""
        _check(url, tls)
        if members not in get_args(Members):
            raise ValueError("members must be all or count")
        whole = _WHOLE.fullmatch(url)
        if whole is None:
            if not room:
                raise ValueError("no room: give room=…, or a url that ends in /parties/PARTY/ROOM")
            base = url.rstrip("/")
            return cls(base, party or DEFAULT_PARTY, room, connection_id, tls, members)
        if room is not None or party is not None:
            raise ValueError("the url names the room already: leave out room and party")
        party, room = (unquote(whole[part], errors="strict") for part in ("party", "room"))
        return cls(whole["base"], party, room, connection_id, tls, members)

    def with_token(self, token: str) -> str:
        """The whole address. It holds a secret: never log it."""
        given = {"_pk": self.connection_id, "token": token}
        if self.members != "all":
            given["members"] = self.members
        query = urlencode(given, quote_via=quote)
        path = f"/parties/{quote(self.party, safe='')}/{quote(self.room, safe='')}"
        return f"{self.base}{path}?{query}"


def _check(url: str, tls: ssl.SSLContext | None) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not _can_be_dialled(parts.hostname):
        raise ValueError("url must look like ws://host:port or wss://host")
    _ = parts.port  # raises ValueError itself
    if parts.query or parts.fragment:
        raise ValueError("url must have no query and no fragment")
    if tls is not None and parts.scheme != "wss":
        raise ValueError("tls is for wss:// only")


def _can_be_dialled(host: str | None) -> bool:
    """Whether a resolver would look at that name at all: a label of it may be too long."""
    try:
        return bool(host and host.encode("idna"))
    except UnicodeError:
        return False
