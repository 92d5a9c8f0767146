"""What machines ask, without a key: metrics, health, readiness."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


class Probes:
    """The pages for Prometheus, load balancers and supervisors."""

    def __init__(self, registry: CollectorRegistry, not_ready: Callable[[], str | None]) -> None:
        self._registry = registry
        self._not_ready = not_ready

    async def metrics(self, request: Request) -> Response:
        """Every metric, in the format that is asked for."""
        if _accepts_openmetrics(",".join(request.headers.getlist("Accept"))):
            kind = openmetrics.CONTENT_TYPE_LATEST
            # The library does not type it.
            body = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
        else:
            kind, body = CONTENT_TYPE_LATEST, generate_latest(self._registry)
        return Response(body, headers={"Content-Type": kind, "Vary": "Accept"})

    async def healthz(self, _request: Request) -> Response:
        """Whether the process lives."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """Whether new connections are welcome, or why not."""
        because = self._not_ready()
        if because is None:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"{because}\n", status_code=503)


def _accepts_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics 1.0.0 is among what is accepted (RFC 9110 §12.5.1).

    The library's own choice fails on a version that is not a number.
    """
    for accepted in accept.split(","):
        kind, *given = [part.strip().lower() for part in accepted.split(";")]
        parameters = dict(one.split("=", 1) for one in given if "=" in one)
        if kind == "application/openmetrics-text" and parameters.get("version") in (None, "1.0.0"):
            return True
    return False
