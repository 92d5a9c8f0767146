"""What the recorder process is told first: all it needs of the settings."""

from typing import Literal

import msgspec


class Setup(msgspec.Struct, frozen=True):
    """It comes over the channel, because `address` may hold a password. `run` names this run of the
    server; questions are answered on the Unix socket `questions`.
    """

    address: str
    run: str
    questions: str
    half_life_days: int
    session_idle_ms: int
    guest_key: Literal["day", "month", "off"]
    ledger_days: int
    activity_days: int
    log_level: str
    log_format: Literal["text", "json"]
