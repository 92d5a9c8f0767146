"""Which settings hold when they are read again: all that a running server can change."""

from collections.abc import Callable
from typing import Final

from presence_server.settings import Settings

Reader = Callable[[], Settings]
"""Reads the settings once more; raises `SettingsRefused`."""

_FIXED: Final = ("config", "host", "port", "admin_host", "admin_port", "history", "webhook_")
"""Names, or what they begin with."""
_TLS: Final = ("tls_cert", "tls_key")
"""Other files may hold the certificate, but whether there is one is decided at the start."""


def renewed(before: Settings, read: Settings) -> tuple[Settings, str]:
    """The settings that hold from now on, and the names of those that need a restart."""
    turns_tls = (before.tls_cert is None) != (read.tls_cert is None)
    fixed = _FIXED + _TLS if turns_tls else _FIXED
    changed = [
        name
        for name in Settings.model_fields
        if name.startswith(fixed) and getattr(before, name) != getattr(read, name)
    ]
    kept = {name: getattr(before, name) for name in changed}
    return read.model_copy(update=kept), ", ".join(changed)
