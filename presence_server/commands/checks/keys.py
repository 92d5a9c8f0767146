"""Are there keys to verify tokens with, and is each of them safe?"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from presence_server.commands.checks.finding import Finding, Subject, failed, ok, warning
from presence_server.commands.forgotten import forgotten
from presence_server.commands.text import plural
from presence_server.gateway.keys import Keys
from presence_server.keyring import own_keys
from presence_server.settings import SettingsRefused

OWN: Final = ("jwt_secret", "jwt_public_key", "jwt_key_file")
FEW: Final = 10
"""Different characters, with fewer of which a secret looks typed rather than drawn."""
_MAKE: Final = "openssl rand -base64 48 makes a secret"


def check(subject: Subject) -> Iterator[Finding]:
    """Read each source of keys as the server does, then all of them together."""
    given = [name for name in OWN if getattr(subject.settings, name) is not None]
    findings = [finding for name in given for finding in _source(subject, name)]
    yield from findings
    if any(finding.level == "failed" for finding in findings):
        return
    try:
        own_keys(subject.settings)
    except SettingsRefused as refused:
        hint = "remove those that are no longer used" if given else f"{_MAKE}{forgotten()}"
        yield failed("keys", str(refused), hint)


def is_open_to_all(path: Path) -> bool:
    """Whether every user of this machine may read a file."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def _source(subject: Subject, name: str) -> Iterator[Finding]:
    others = dict.fromkeys({*OWN, "jwks_url"} - {name})
    try:
        keys = own_keys(subject.settings.model_copy(update=others))
    except SettingsRefused as refused:
        where = subject.where(name)
        hint = f"mend {'the file of ' if name == 'jwt_key_file' else ''}{where}"
        says = str(refused).removeprefix(f"{name}: ").removeprefix("jwt key: ")
        yield failed(name, says, f"{where}: {_MAKE}" if name == "jwt_secret" else hint)
        return
    yield ok(name, f"{plural(len(keys), 'key')} ({', '.join(sorted(_algorithms(keys)))})")
    yield from _weak(subject, name)
    path = subject.settings.jwt_key_file
    if name == "jwt_key_file" and path and "HS256" in _algorithms(keys) and is_open_to_all(path):
        yield warning(name, f"every user of this machine can read {path}", f"chmod o-r {path}")


def _weak(subject: Subject, name: str) -> Iterator[Finding]:
    secret = subject.settings.jwt_secret
    if name != "jwt_secret" or secret is None:
        return
    different = len({*secret.get_secret_value()})
    if different < FEW:
        says = f"it has but {plural(different, 'different character')}, and can be guessed"
        yield warning(name, says, f"{subject.where(name)}: {_MAKE}")


def _algorithms(keys: Keys) -> set[str]:
    return {key.algorithm_name for key in keys}
