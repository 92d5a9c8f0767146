"""`python -m tests.fuzz HARNESS [CORPUS…] [-OPTION=…]`, as libFuzzer takes them."""

import sys

from tests.fuzz.engine import run

run(sys.argv[1], sys.argv[2:])
