"""Which address a client has: its socket's, or what a trusted proxy says of it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

MAX_HOPS: Final = 16
_IPV6_PREFIX: Final = 64
"""What one IPv6 subscriber has for themselves alone (RFC 6177 §2): it counts as one address."""


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The address that limits go by, given the socket's `peer` and the `X-Forwarded-For` header.

    Each proxy adds the address of the one before it at the end, so that the header is read from
    there, as long as the address that said it is a trusted proxy's: what a client wrote into it
    itself is never reached. What is no address is not believed: the proxy that sent it counts.
    """
    said = (forwarded_for or "").split(",")[-MAX_HOPS:] if trusted else []
    address = _parse(peer)
    while said and address is not None and _is_trusted(address, trusted):
        before = _parse(said.pop())
        if before is None:
            break
        address = before
    return peer if address is None else _subscriber(address)


def is_proxy(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether the socket's `peer` is a trusted proxy, who will say whom it speaks for."""
    address = _parse(peer) if trusted else None
    return address is not None and _is_trusted(address, trusted)


def _parse(text: str) -> Address | None:
    """An address, with or without a port or brackets, as proxies write it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _subscriber(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _IPV6_PREFIX), strict=False))
