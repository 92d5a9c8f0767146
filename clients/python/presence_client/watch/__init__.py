"""`presence-client watch`: a room in the terminal, or as JSON lines.

`run` follows a client and tells a view: `lines` writes JSON, `screen` a table. What a table says
is made without it, in `room` (what happened so far) and `frame` (what of it fits).
"""
