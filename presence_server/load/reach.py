"""The way to a server, and what is in it: found once, with the first connection."""

import asyncio
import socket
import ssl

from presence_server.load.crowd import PATIENCE_S, Route
from presence_server.load.plan import Target


class CantLoad(Exception):
    """There is nothing to load; the message is one line."""


async def find_route(target: Target, tls: ssl.SSLContext | None) -> Route:
    """An address of the target that takes connections, and whose certificate is good.

    Raises:
        CantLoad: if there is none.

    """
    loop = asyncio.get_running_loop()
    where = f"{target.host}:{target.port}"
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CantLoad(f"can't find {target.host}: {(error.strerror or '').lower()}") from None
    why = ""
    for _, _, _, _, place in found:
        route = Route(str(place[0]), target.port, tls, target.host)
        try:
            await _knock(route)
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {where} is not trusted: {error.verify_message} (see --ca)"
        except ssl.SSLError:
            why = f"{where} does not speak TLS: perhaps ws:// instead of wss://"
        except TimeoutError:
            why = f"no answer from {where} within {PATIENCE_S:.0f} s"
        except OSError as error:
            why = f"can't connect to {where}: {_says(error)}"
        else:
            return route
    raise CantLoad(why)


def _says(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return (error.strerror or str(error)).lower()


async def _knock(route: Route) -> None:
    name = route.name if route.tls else None
    async with asyncio.timeout(PATIENCE_S):
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, route.address, route.port, ssl=route.tls, server_hostname=name
        )
    transport.abort()
