"""The line on stdout that says where a server listens."""

import sys

import click


def announce(line: str) -> None:
    """Write it, for whoever reads it: a server goes on without. The log has the addresses too."""
    try:
        click.echo(line)
    except OSError:
        sys.stdout = None  # Python would complain of it at the end
