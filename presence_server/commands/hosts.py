"""What an address means to those who want to get there."""

from ipaddress import ip_address
from typing import Final

_ANY: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to ask there


def is_loopback(host: str) -> bool:
    """Whether only this machine can get there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def reachable(host: str) -> str:
    """Where to ask for what listens at `host`, which may be everywhere."""
    return _ANY.get(host, host)


def shown(host: str, port: int) -> str:
    """Host and port, as in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
