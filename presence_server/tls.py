"""The server's own certificate: read at the start, and again when the settings are."""

import asyncio
import datetime
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from presence_server.gateway.connection import Connection
from presence_server.gateway.ports import Scheduler
from presence_server.gateway.tls import Failed, TlsStream
from presence_server.metrics import Metrics
from presence_server.settings import Settings, SettingsRefused

_LOG: Final = logging.getLogger("presence_server")

SOON_S: Final = 14 * 86_400.0
"""A certificate that ends sooner should have been renewed: most are, 30 days before."""

MAX_FILE: Final = 1_048_576

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: what has forward secrecy and is authenticated. TLS 1.3 has no others."""

_MISMATCH: Final = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


class Certificate(NamedTuple):
    """A certificate that can be served: what makes connections with it, and when it ends (Unix)."""

    context: ssl.SSLContext
    path: Path
    expires_at: float

    @property
    def end(self) -> str:
        """The day on which it ends (UTC)."""
        return _day(datetime.datetime.fromtimestamp(self.expires_at, datetime.UTC))


class Tls:
    """The certificate in force, if there is one: each connection gets that of its first moment.

    Raises:
        SettingsRefused: if it can't be served.

    """

    def __init__(self, settings: Settings, wall: Callable[[], float], metrics: Metrics) -> None:
        self._wall = wall
        self._metrics = metrics
        self._certificate: Certificate | None = None
        self.use(self.read(settings))

    @property
    def scheme(self) -> str:
        """What the address of the public port begins with."""
        return "https" if self._certificate else "http"

    @property
    def until(self) -> str | None:
        """The day on which the certificate in force ends (UTC)."""
        return self._certificate.end if self._certificate else None

    def read(self, settings: Settings) -> Certificate | None:
        """The certificate of other settings, for `use`; raises `SettingsRefused`."""
        return read(settings, self._wall())

    def use(self, certificate: Certificate | None) -> None:
        """Give those who come from now on this one; those who are there keep theirs."""
        self._certificate = certificate
        if certificate is None:
            return
        self._metrics.certificate_expiry.set(certificate.expires_at)
        if certificate.expires_at - self._wall() < SOON_S:
            file, until = str(certificate.path), certificate.end
            _LOG.warning("the certificate ends soon", extra={"file": file, "until": until})

    def factory(
        self, connection: Callable[[], Connection], scheduler: Scheduler, failed: Failed
    ) -> Callable[[], asyncio.BaseProtocol]:
        """What makes the protocol of each socket, out of what makes a connection."""
        if self._certificate is None:
            return connection

        def secure() -> TlsStream:
            assert self._certificate is not None  # noqa: S101 - it is not turned off
            return TlsStream(connection(), self._certificate.context, scheduler, failed)

        return secure


def read(settings: Settings, now: float) -> Certificate | None:
    """The certificate of these settings; None without TLS. Unix time is `now`.

    Raises:
        SettingsRefused: if it can't be served; the message names the file.

    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return _load(settings.tls_cert, settings.tls_key, now)


def _load(cert: Path, key: Path, now: float) -> Certificate:
    content = _content("tls_cert", cert)
    leaf = _leaf(cert, content)
    _check_dates(cert, leaf, now)
    _content("tls_key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    _put_in(context, cert, key)
    if _content("tls_cert", cert) != content:
        raise SettingsRefused(f"tls_cert: {cert}: changed while it was read")
    return Certificate(context, cert, leaf.not_valid_after_utc.timestamp())


def _content(name: str, path: Path) -> bytes:
    """What is in a file: a pipe would be waited for, for ever."""
    if path.exists() and not path.is_file():
        raise SettingsRefused(f"{name}: {path}: not a file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise SettingsRefused(f"{name}: {path}: {error.strerror}") from None
    if len(content) > MAX_FILE:
        raise SettingsRefused(f"{name}: {path}: more than {MAX_FILE:,} bytes")
    return content


def _leaf(cert: Path, content: bytes) -> x509.Certificate:
    """The first of a chain: the server's own."""
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsRefused(f"tls_cert: {cert}: no certificate in PEM format") from None


def _check_dates(cert: Path, leaf: x509.Certificate, now: float) -> None:
    if leaf.not_valid_after_utc.timestamp() <= now:
        ended = _day(leaf.not_valid_after_utc)
        raise SettingsRefused(f"tls_cert: {cert}: the certificate ended on {ended}")
    if leaf.not_valid_before_utc.timestamp() > now:
        begins = _day(leaf.not_valid_before_utc)
        raise SettingsRefused(f"tls_cert: {cert}: the certificate is not valid before {begins}")


def _put_in(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    try:
        context.load_cert_chain(cert, key, _no_password(key))
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason in _MISMATCH:
            message = f"tls_key: {key}: not the key of the first certificate in {cert}"
        elif reason.startswith(("EE_", "CA_")):  # too weak for the security level of the system
            message = f"tls_cert: {cert}: {reason.lower().replace('_', ' ')}"
        else:
            message = f"tls_key: {key}: no private key in PEM format"
        raise SettingsRefused(message) from None
    except OSError as error:
        raise SettingsRefused(f"tls_key: {key}: {error.strerror}") from None


def _no_password(key: Path) -> Callable[[], NoReturn]:
    """What OpenSSL asks for the password of an encrypted key; it would ask the terminal."""

    def ask() -> NoReturn:
        raise SettingsRefused(f"tls_key: {key}: the key is encrypted, and nobody can be asked")

    return ask


def _day(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d}"
