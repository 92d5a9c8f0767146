"""Can the certificate be served, whose is it, and how long?"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509

from presence_server import tls
from presence_server.commands.checks.finding import Finding, Subject, failed, ok, warning
from presence_server.commands.checks.keys import is_open_to_all
from presence_server.commands.text import plural
from presence_server.settings import SettingsRefused

DAY_S: Final = 86_400


def check(subject: Subject) -> Iterator[Finding]:
    """Read certificate and key as the server does."""
    cert, key = subject.settings.tls_cert, subject.settings.tls_key
    if cert is None or key is None:
        return
    now = time.time()
    try:
        certificate = tls.read(subject.settings, now)
    except SettingsRefused as refused:
        name, _, says = str(refused).partition(": ")
        yield failed(name, says, f"mend the file of {subject.where(name)}")
        return
    assert certificate is not None  # noqa: S101 - both files are given
    days = plural(int((certificate.expires_at - now) // DAY_S), "day")
    if certificate.expires_at - now < tls.SOON_S:
        says = f"ends on {certificate.end}, in {days}"
        yield warning("tls_cert", says, f"renew {cert}, then kill -HUP")
    else:
        yield ok("tls_cert", f"for {_names(cert)}; ends on {certificate.end}, in {days}")
    if is_open_to_all(key):
        yield warning("tls_key", f"every user of this machine can read {key}", f"chmod o-r {key}")


def _names(cert: Path) -> str:
    """Whom clients may call by this certificate."""
    leaf = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "no name at all: clients will refuse it"
    return ", ".join(str(name.value) for name in names)
