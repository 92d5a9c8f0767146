"""With what the program ends, if not with 0."""

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
"""It was called or set up wrongly."""
NO: Final = 3
"""It did what it was asked, and the answer is no; a failure looks different."""
INTERRUPTED: Final = 130
