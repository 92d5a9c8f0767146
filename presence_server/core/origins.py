"""Which pages may connect: exact origins, wildcard subdomains, or all."""

import re
from collections.abc import Iterable
from typing import Final

ANY: Final = "*"

_SUBDOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


def is_allowed(origin: str | None, allowed: Iterable[str]) -> bool:
    """Whether a page of `origin` may connect (RFC 6454 §7); no origin is no browser, and may.

    `https://app.example` allows itself alone, port included; `https://*.app.example` allows every
    subdomain at any depth, not the domain itself.
    """
    return origin is None or any(_matches(origin.lower(), entry.lower()) for entry in allowed)


def _matches(origin: str, entry: str) -> bool:
    if entry in (ANY, origin):
        return True
    start, wildcard, end = entry.partition("*")
    if not wildcard or not origin.startswith(start) or not origin.endswith(end):
        return False
    return _SUBDOMAIN.fullmatch(origin[len(start) : len(origin) - len(end)]) is not None
