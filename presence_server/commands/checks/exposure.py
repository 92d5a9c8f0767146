"""Who can get at what: origins, the admin listener, proxies, secrets that lie open."""

from collections.abc import Iterator
from typing import Final

from presence_server.commands.checks.finding import Finding, Subject, ok, warning
from presence_server.commands.checks.keys import is_open_to_all
from presence_server.commands.hosts import is_loopback
from presence_server.commands.text import plural
from presence_server.core.origins import ANY
from presence_server.settings import Settings
from presence_server.sources import flag, is_secret, variable

WIDE: Final = {4: 8, 6: 16}
"""Networks with fewer fixed bits than these are no proxies of anybody's, by version."""


def check(subject: Subject) -> Iterator[Finding]:
    """Look at what is open."""
    yield _origins(subject)
    yield from _clear_text(subject)
    yield from _admin(subject)
    yield from _proxies(subject)
    yield from _secrets(subject)


def _origins(subject: Subject) -> Finding:
    origins = subject.settings.allowed_origins
    if ANY in origins:
        hint = f"name yours in {subject.where('allowed_origins')}, e.g. https://app.example.com"
        return warning("origins", "pages of every origin may connect", hint)
    return ok("origins", ", ".join(origins))


def _clear_text(subject: Subject) -> Iterator[Finding]:
    settings = subject.settings
    is_behind = is_loopback(settings.host) or settings.trusted_proxies
    if settings.tls_cert is None and not is_behind:
        says = f"clients of {settings.host} speak plain HTTP, and so do their tokens"
        hint = f"set {variable('tls_cert')}, or name the proxy that ends TLS in "
        yield warning("tls", says, hint + subject.where("trusted_proxies"))


def _admin(subject: Subject) -> Iterator[Finding]:
    settings = subject.settings
    if settings.admin_key is None:
        hint = f"set {variable('admin_key')}: openssl rand -hex 32 makes one"
        says = "no key: queries under /v1 and rooms need an operator's token"
        yield warning("admin_key", says, hint)
    else:
        yield ok("admin_key", "set")
    if not is_loopback(settings.admin_host):
        says = (
            f"{settings.admin_host} may be reached from elsewhere; metrics and health need no key"
        )
        hint = f"keep it behind a firewall, or change {subject.where('admin_host')} to 127.0.0.1"
        yield warning("admin", says, hint)


def _proxies(subject: Subject) -> Iterator[Finding]:
    settings, where = subject.settings, subject.where("trusted_proxies")
    wide = [net for net in settings.trusted_proxies if net.prefixlen < WIDE[net.version]]
    if wide:
        says = f"{', '.join(map(str, wide))}: clients in it can say any address is theirs"
        yield warning("proxies", says, f"name the proxies' own addresses in {where}")
    elif settings.trusted_proxies:
        yield ok("proxies", f"trusts {', '.join(map(str, settings.trusted_proxies))}")
    elif _limits_addresses(settings) and is_loopback(settings.host):
        says = "addresses are limited, but all clients have that of the proxy in front of this host"
        yield warning("proxies", says, f"name it in {where}, e.g. 127.0.0.1")
    elif _limits_addresses(settings):
        says = "addresses are limited by the socket's: right if clients connect directly"
        yield warning("proxies", says, f"with a proxy in front, name it in {where}")
    else:
        yield ok("proxies", "none is trusted, and no address is limited")


def _limits_addresses(settings: Settings) -> bool:
    return bool(settings.address_connections or settings.address_attempts)


def _secrets(subject: Subject) -> Iterator[Finding]:
    shown = [name for name, source in subject.sources.items() if is_secret(name)]
    by_flag = [flag(name) for name in shown if subject.sources[name] == flag(name)]
    if by_flag:
        says = f"{', '.join(by_flag)}: every user of this machine can see it (ps)"
        hint = f"set {', '.join(variable(n) for n in shown if flag(n) in by_flag)} instead"
        yield warning("secrets", says, hint)
    path = subject.settings.config
    in_file = [name for name in shown if subject.sources[name] == str(path)]
    if path and in_file and is_open_to_all(path):
        says = f"{path} has {plural(len(in_file), 'secret')}, and every user can read it"
        yield warning("secrets", says, f"chmod o-r {path}")
