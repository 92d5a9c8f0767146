"""The keys of the settings: read at the start, and again when the settings are."""

import asyncio

from presence_server.core.claims import Expected
from presence_server.core.clocks import Clocks
from presence_server.gateway.jwks import Jwks
from presence_server.gateway.jwks_client import HttpFetch
from presence_server.gateway.key_file import MAX_KEY_FILE, read_key_file
from presence_server.gateway.keys import (
    MAX_KEYS,
    KeyRefused,
    Keys,
    public_keys,
    secret_key,
)
from presence_server.gateway.tokens import JwtVerifier
from presence_server.metrics import Metrics
from presence_server.settings import Settings, SettingsRefused


class Keyring:
    """Holds one verifier for good, whose keys and source follow the settings. Make it in the loop.

    Raises:
        SettingsRefused: without any key, or with one that is not safe.

    """

    def __init__(self, settings: Settings, clocks: Clocks, metrics: Metrics) -> None:
        self._clocks = clocks
        self._metrics = metrics
        self._url: str | None = None
        self._jwks: Jwks | None = None
        self.verifier = JwtVerifier((), Expected())
        self.reload(settings)
        metrics.keys.set_function(lambda: len(self.verifier))

    @property
    def has_keys(self) -> bool:
        """Whether any token can be valid: not before the first fetch, if there are no others."""
        return len(self.verifier) > 0

    def reload(self, settings: Settings) -> None:
        """Take the keys of other settings, all or none; the issuer's are fetched again.

        Raises:
            SettingsRefused: without any key, or with one that is not safe.

        """
        keys = own_keys(settings)
        before, self._url = self._url, settings.jwks_url
        if self._url != before:
            self.verifier.learnt(())
        if self._url is None:
            self._stop()
        elif self._jwks is None:
            loop = asyncio.get_running_loop()
            self._jwks = Jwks(HttpFetch(self._url), loop, self._clocks, self._metrics)
            self._jwks.start(self.verifier.learnt)
        elif self._url != before:
            self._jwks.redirect(HttpFetch(self._url))
        else:
            self._jwks.refresh()
        self.verifier.reconfigure(keys, _expected(settings), self._jwks)

    def close(self) -> None:
        """Fetch no more keys: those who wait for one hear that there is none."""
        if self._jwks is not None:
            self._jwks.stop()

    def _stop(self) -> None:
        self.close()
        self._jwks = None


def own_keys(settings: Settings) -> Keys:
    """The configured keys, without those that an issuer's address serves.

    Raises:
        SettingsRefused: without any, or with one that is not safe.

    """
    keys: Keys = ()
    try:
        if settings.jwt_secret is not None:
            keys += (secret_key(settings.jwt_secret.get_secret_value()),)
        if settings.jwt_public_key is not None:
            keys += public_keys(settings.jwt_public_key)
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt key: {refused}") from None
    keys += _file_keys(settings)
    if len(keys) > MAX_KEYS:
        raise SettingsRefused(f"{len(keys)} keys, at most {MAX_KEYS} can be tried")
    if not keys and settings.jwks_url is None:
        raise SettingsRefused(
            "no key to verify tokens with: set PRESENCE_JWT_SECRET (32 bytes or more), "
            "PRESENCE_JWT_PUBLIC_KEY, PRESENCE_JWT_KEY_FILE or PRESENCE_JWKS_URL"
        )
    return keys


def _file_keys(settings: Settings) -> Keys:
    path = settings.jwt_key_file
    if path is None:
        return ()
    if not path.is_file():
        raise SettingsRefused(f"jwt_key_file: no such file: {path}")
    try:
        with path.open("rb") as file:
            return read_key_file(file.read(MAX_KEY_FILE + 1))
    except OSError as error:
        raise SettingsRefused(f"jwt_key_file: {path}: {error.strerror}") from None
    except KeyRefused as refused:
        raise SettingsRefused(f"jwt_key_file: {path}: {refused}") from None


def _expected(settings: Settings) -> Expected:
    return Expected(settings.jwt_issuer, settings.jwt_audience)
