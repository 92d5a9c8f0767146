"""How much of the settings the system allows."""

from presence_server.core.room import RoomLimits
from presence_server.gateway.ports import Options
from presence_server.settings import Settings


def options(settings: Settings, sockets: int) -> Options:
    """What of the settings concerns the gateway, where so many sockets can be open.

    The tenth that is left beyond the connections is for those that are on their way in or out.
    """
    return Options(
        room=RoomLimits(settings.room_size, settings.user_connections, settings.room_connections),
        max_connections=min(settings.max_connections, max(1, sockets * 9 // 10)),
        max_sockets=sockets,
        user_total=settings.user_total,
        address_connections=settings.address_connections,
        address_attempts=settings.address_attempts,
        trusted_proxies=settings.trusted_proxies,
        overload_lag=settings.overload_lag,
        max_message=settings.message_size,
        buffer_limit=settings.buffer_limit,
        ping_interval=settings.ping_interval,
        pong_timeout=settings.pong_timeout,
        handshake_timeout=settings.handshake_timeout,
        close_timeout=settings.close_timeout,
        leave_grace=settings.leave_grace,
        rate=settings.rate,
        burst=settings.burst,
        allowed_origins=settings.allowed_origins,
        compression=settings.compression,
        log_connections=settings.log_connections,
    )
