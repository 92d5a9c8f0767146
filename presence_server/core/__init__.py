"""What is true: rooms, entries, messages, close codes, permissions, limits.

Everything in this package is pure: no asyncio, no clock, no I/O, no logging, no randomness.
Times and ids come in as arguments without a default.
"""
