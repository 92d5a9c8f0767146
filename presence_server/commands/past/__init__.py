"""The questions of `presence-server history`, a file each, and what they share."""
