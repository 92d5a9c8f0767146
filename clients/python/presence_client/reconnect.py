"""When to dial again, and when not to. Pure."""

from typing import Final

from presence_client.backoff import Backoff, Uniform
from presence_client.close_codes import TOKEN_INVALID, Advice, Closing, advice

INVALID_TOKENS_TO_STOP: Final = 3
RESTART: Final = 1012
RESTART_S: Final = (1.0, 3.0)
"""How long a server that restarts is left alone: nobody would answer any sooner."""


class Reconnect:
    """Decides after each connection, or failed dial, how to go on.

    You must call `welcomed()` at each welcome: only that ends a row of failures. Where there is
    only ever the same token, which `renewable` says, its refusal is the end.
    """

    def __init__(self, uniform: Uniform, *, renewable: bool = True) -> None:
        self._uniform = uniform
        self._backoff = Backoff(uniform)
        self._renewable = renewable
        self._is_first = True
        self._unauthorized = 0
        self._invalid = 0

    def welcomed(self) -> None:
        """Forget the failures."""
        self._is_first = True
        self._backoff.reset()
        self._unauthorized = 0
        self._invalid = 0

    def after(self, closing: Closing) -> float | None:
        """Seconds to wait before the next dial, 0 for at once; None means stop."""
        is_first, self._is_first = self._is_first, False
        if is_first and closing.code == RESTART:
            self._backoff.next()
            return self._uniform(*RESTART_S)
        match advice(closing.code):
            case Advice.STOP:
                return None
            case Advice.NEW_TOKEN:
                return self._after_unauthorized(closing.reason)
            case Advice.RETRY | Advice.RETRY_LATER:
                return self._backoff.next()

    def _after_unauthorized(self, reason: str) -> float | None:
        self._unauthorized += 1
        self._invalid = self._invalid + 1 if reason == TOKEN_INVALID else 0
        if not self._renewable or self._invalid >= INVALID_TOKENS_TO_STOP:
            return None
        return 0.0 if self._unauthorized == 1 else self._backoff.next()
