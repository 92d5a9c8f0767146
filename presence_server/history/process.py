"""The recorder process: `python -m presence_server.history.process DESCRIPTOR`.

A signal that is meant for the server reaches its whole group. This one ends when its channel does,
after recording what it was told; so signals are ignored before anything else is loaded.
"""

import signal
import sys


def main() -> None:
    """Record until the server hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    from presence_server.history.recording import run

    run(int(sys.argv[1]))


if __name__ == "__main__":
    main()
