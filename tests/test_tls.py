"""The certificate: what is served, and what is refused with one line that names the file."""

import datetime
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from presence_server.metrics import Metrics
from presence_server.reload import renewed
from presence_server.settings import Settings, SettingsRefused
from presence_server.tls import MAX_FILE, Tls, read
from tests.support.certificates import DAY, Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class Files(NamedTuple):
    """A certificate and its key."""

    cert: Path
    key: Path


def settings(cert: Path | None, key: Path | None) -> Settings:
    return Settings.model_validate({"tls_cert": cert, "tls_key": key})


def truncate(files: Files) -> str:
    files.cert.write_bytes(files.cert.read_bytes()[:100])
    return f"tls_cert: {files.cert}: no certificate in PEM format"


def swap(files: Files) -> str:
    cert, key = files.cert.read_bytes(), files.key.read_bytes()
    files.key.write_bytes(cert)
    files.cert.write_bytes(key)
    return f"tls_cert: {files.cert}: no certificate in PEM format"


def replace_the_key(files: Files) -> str:
    write_key(files.key, ec.generate_private_key(ec.SECP256R1()))
    return f"tls_key: {files.key}: not the key of the first certificate in {files.cert}"


def replace_the_key_by_one_of_another_kind(files: Files) -> str:
    write_key(files.key, rsa.generate_private_key(65_537, 2_048))
    return f"tls_key: {files.key}: not the key of the first certificate in {files.cert}"


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def encrypt_the_key(files: Files) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    secret = BestAvailableEncryption(b"of no use")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    return f"tls_key: {files.key}: the key is encrypted, and nobody can be asked"


def empty_the_key(files: Files) -> str:
    files.key.write_bytes(b"")
    return f"tls_key: {files.key}: no private key in PEM format"


def remove_the_key(files: Files) -> str:
    files.key.unlink()
    return f"tls_key: {files.key}: No such file or directory"


def make_the_certificate_a_folder(files: Files) -> str:
    files.cert.unlink()
    files.cert.mkdir()
    return f"tls_cert: {files.cert}: not a file"


def make_the_key_a_pipe(files: Files) -> str:
    files.key.unlink()
    os.mkfifo(files.key)
    return f"tls_key: {files.key}: not a file"


def make_the_key_endless(files: Files) -> str:
    files.key.write_bytes(b"#" * (MAX_FILE + 1))
    return f"tls_key: {files.key}: more than 1,048,576 bytes"


@pytest.mark.parametrize(
    "spoil",
    [
        truncate,
        swap,
        replace_the_key,
        replace_the_key_by_one_of_another_kind,
        encrypt_the_key,
        empty_the_key,
        remove_the_key,
        make_the_certificate_a_folder,
        make_the_key_a_pipe,
        make_the_key_endless,
    ],
)
def test_what_can_not_be_served_is_refused_with_the_file(
    authority: Authority, spoil: Callable[[Files], str]
) -> None:
    files = Files(*authority.issue())
    says = spoil(files)
    with pytest.raises(SettingsRefused) as refused:
        read(settings(*files), time.time())
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("days", "says"),
    [(8, "the certificate ended on "), (-2, "the certificate is not valid before ")],
)
def test_one_that_is_not_valid_now_is_refused_with_the_day(
    authority: Authority, days: int, says: str
) -> None:
    cert, key = authority.issue(valid=7 * DAY)
    with pytest.raises(SettingsRefused, match=f"^tls_cert: {cert}: {says}20..-..-..$"):
        read(settings(cert, key), time.time() + days * 86_400)


def test_its_end_is_measured_and_told_when_it_is_near(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, now = Metrics(), time.time()
    assert metrics.registry.get_sample_value(EXPIRY) == 0
    Tls(settings(*authority.issue("far", 15 * DAY)), lambda: now, metrics)
    assert caplog.messages == []
    expiry = metrics.registry.get_sample_value(EXPIRY)
    assert expiry is not None
    assert abs(expiry - now - 15 * 86_400) < 60
    tls = Tls(settings(*authority.issue("near", 13 * DAY)), lambda: now, metrics)
    assert caplog.messages == ["the certificate ends soon"]
    (record,) = caplog.records
    day = datetime.datetime.fromtimestamp(now, datetime.UTC) + 13 * DAY
    assert vars(record)["until"] == f"{day:%Y-%m-%d}"
    assert tls.scheme == "https"


EXPIRY = "presence_certificate_expiry_timestamp_seconds"


def test_without_one_there_is_no_tls(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    assert Tls(settings(None, None), time.time, metrics).scheme == "http"
    assert metrics.registry.get_sample_value(EXPIRY) == 0
    assert caplog.messages == []


def test_old_versions_and_ciphers_without_forward_secrecy_are_not_served(
    authority: Authority,
) -> None:
    certificate = read(settings(*authority.issue()), time.time())
    assert certificate is not None
    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in certificate.context.get_ciphers()]
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in names), names
    assert not any("CBC" in name or name.endswith("-SHA") for name in names), names


def test_other_files_can_be_named_at_a_reload_but_tls_is_not_turned_on_or_off() -> None:
    off, on, other = (
        settings(None, None),
        settings(Path("a"), Path("b")),
        settings(Path("c"), Path("d")),
    )
    assert renewed(on, other) == (other, "")
    assert renewed(on, off) == (on, "tls_cert, tls_key")
    assert renewed(off, on) == (off, "tls_cert, tls_key")
