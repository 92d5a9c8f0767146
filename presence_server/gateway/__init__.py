"""How a browser gets in: listener, connection, fan-out, tokens, rooms."""
