"""How long to wait for a target that fails: within these bounds, as it asks for. Pure."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_S: Final = 1.0
MAX_S: Final = 300.0
_LONGEST_NUMBER: Final = 9


def retry_after_s(header: str | None, now_s: float) -> float:
    """What a Retry-After header asks for, in seconds up to the longest; 0 if there is no sense in
    it. `now_s` is UTC seconds, for a date (RFC 9110 §10.2.3).
    """
    if header is None:
        return 0.0
    if header.isascii() and header.isdigit():
        return MAX_S if len(header) > _LONGEST_NUMBER else min(MAX_S, float(header))
    try:
        date = parsedate_to_datetime(header)
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(MAX_S, max(0.0, at - now_s))
