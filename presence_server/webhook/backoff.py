"""How long to wait after a failure. Pure."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

MIN_S: Final = 1.0
MAX_S: Final = 300.0
_LONGEST_NUMBER: Final = 9


def delay_s(failures: int, chance: float) -> float:
    """Seconds after so many failures in a row (from 1): doubled each time, × a random 0.5–1."""
    doubled = MIN_S * 2.0 ** min(failures - 1, 16)
    return min(MAX_S, doubled) * (0.5 + 0.5 * chance)


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
