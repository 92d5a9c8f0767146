"""What the log is told of the recorder, and how often: of the same trouble once a minute."""

import logging
from collections.abc import Callable
from typing import Final

from presence_server.history.facts import Trouble, Why

AGAIN_S: Final = 60.0

_LOG: Final = logging.getLogger("presence_server")
_HINTS: Final[dict[Why, str]] = {
    "locked": "another program has it",
    "full": "make room for it",
    "gone": "see PRESENCE_HISTORY, and whether it runs",
    "other": "see what the recorder says",
    "taken": "another server records into it: give each one of its own",
}


class Journal:
    """`facts` says how many wait, `now` is monotonic seconds."""

    def __init__(self, facts: Callable[[], int], now: Callable[[], float]) -> None:
        self._facts = facts
        self._now = now
        self._said_at: dict[str, float] = {}
        self._is_well = False

    def up(self) -> None:
        """The database takes what is noted."""
        if not self._is_well:
            self._is_well = True
            _LOG.info("history: recording", extra={"waiting": self._facts()})

    def trouble(self, trouble: Trouble) -> None:
        """It does not."""
        if self._is_new(trouble.why):
            _LOG.warning(
                "history: the database takes nothing, what is noted waits",
                extra={
                    "trouble": trouble.why,
                    "reason": trouble.reason,
                    "hint": _HINTS[trouble.why],
                    "waiting": self._facts(),
                },
            )

    def ended(self, code: int | None) -> None:
        """The recorder process ended, though nobody had told it to."""
        if self._is_new("ended"):
            _LOG.warning(
                "history: the recorder process ended, and is started again",
                extra={"exit_code": code, "waiting": self._facts()},
            )

    def hung(self) -> None:
        """The recorder process gave no sign of life, and was killed."""
        if self._is_new("hung"):
            _LOG.warning(
                "history: the recorder process hung, and is started again",
                extra={"waiting": self._facts()},
            )

    def not_started(self, error: OSError) -> None:
        """There was no process to be had."""
        if self._is_new("not started"):
            _LOG.warning(
                "history: the recorder process can't be started",
                extra={"reason": error.strerror, "waiting": self._facts()},
            )

    def dropped(self, facts: int) -> None:
        """So many facts could not wait; 0 when that begins."""
        if not facts:
            _LOG.warning(
                "history: too much waits, facts are dropped until there is room",
                extra={"waiting": self._facts()},
            )
        else:
            _LOG.warning("history: recorded a gap", extra={"dropped": facts})

    def lost(self) -> None:
        """The server ends, and not all is in the database."""
        if waiting := self._facts():
            _LOG.warning(
                "history: ended with facts that are not recorded", extra={"facts": waiting}
            )

    def _is_new(self, what: str) -> bool:
        """Whether to tell of trouble: the same once a minute. Its end is told if it was."""
        now = self._now()
        if now < self._said_at.get(what, now):
            return False
        self._said_at[what] = now + AGAIN_S
        self._is_well = False
        return True
