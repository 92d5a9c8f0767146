"""The commands, a file each. `presence_server.cli` loads those that are asked for."""
