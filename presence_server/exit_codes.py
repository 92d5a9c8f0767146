"""With what the program ends, if not with 0."""

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
"""It was called or set up wrongly."""
INTERRUPTED: Final = 130
