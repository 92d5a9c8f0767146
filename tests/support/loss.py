"""Real packet loss, for one socket: whatever the network brings it is dropped by the kernel.

Nothing is acknowledged any more, so the other end sees a host that is gone. It takes root, or a
kernel that lets everybody filter their own sockets: ask `can_lose_packets`.
"""

import ctypes
import os
import socket
from typing import Final

_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; the socket module has no name for it
_RETURN: Final = 0x06  # linux/bpf_common.h: BPF_RET | BPF_K


class _Instruction(ctypes.Structure):
    """`struct sock_filter` of linux/filter.h."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def lose_packets(descriptor: int) -> None:
    """Drop every packet that comes for a socket from now on."""
    keep_none = _Instruction(_RETURN, 0, 0, 0)
    program = _Program(1, ctypes.addressof(keep_none))
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


def can_lose_packets() -> bool:
    """Whether `lose_packets` works here."""
    with socket.socket() as probe:
        try:
            lose_packets(probe.fileno())
        except PermissionError:
            return False
    return True
