"""`python -m presence_client` is `presence-client`."""

from presence_client.cli import main

main()
