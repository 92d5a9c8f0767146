"""A self-hosted real-time presence server: who is here, and what are they looking at."""

__version__ = "0.1.0"
