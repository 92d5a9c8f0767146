"""The occupancy webhook: tells an HTTP endpoint who comes to and goes from which room.

`occupancy`, `ledger`, `courier`, `backoff`, `payload` and `signing` are pure: time, ids and chances
come in as arguments. `poster` speaks HTTP, `webhook` owns the task. Nothing here is in the way of a
room: the gateway's events are noted in dictionaries, all else happens later.
"""
