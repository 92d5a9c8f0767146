"""Load for a deployment of one's own: many members from one process, and what became of them.

Nothing here imports the server's parts, only the core's tables: it must see a server from outside.
"""
