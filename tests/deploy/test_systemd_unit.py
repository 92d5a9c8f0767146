"""The systemd unit: accepted, tight, wide enough for the server, and in step with its settings."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from presence_server import descriptors
from presence_server.app import longest_end
from presence_server.capacity import options
from presence_server.settings import Settings
from presence_server.sources import load
from presence_server.systemd import STATUS_S
from tests.deploy import confined
from tests.support.certificates import Authority
from tests.support.peer import pump
from tests.support.server import Server, eventually

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = FOLDER / "presence-server.service"
TIGHT = 1.5
"""Of systemd's own measure, from 0 to 10; `OK` begins at 2."""


def value(name: str) -> str:
    """What the unit has for a name that is there once."""
    (only,) = confined.values(str(UNIT), name)
    return only


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A copy whose program exists."""
    program = tmp_path / "presence-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(value("ExecStart").split()[0], str(program)))
    return copy


def analyze(*words: object) -> str:
    """What systemd-analyze says; it must have nothing against it."""
    ran = subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, words)],  # noqa: S607 - Debian's
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout


def exposure(unit: Path) -> float:
    """How much of the system it can reach, as systemd measures it."""
    told = analyze("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found, told
    return float(found[1])


def test_systemd_accepts_it_with_and_without_the_port_below_1024(unit: Path) -> None:
    analyze("verify", unit)
    assert exposure(unit) <= TIGHT
    folder = unit.with_name(unit.name + ".d")
    folder.mkdir()
    (folder / "port-443.conf").write_text((FOLDER / "port-443.conf").read_text())
    analyze("verify", unit)


def test_it_leaves_time_for_the_longest_end_and_places_for_all_connections() -> None:
    settings = Settings.model_validate({})
    assert float(value("TimeoutStopSec")) > longest_end(settings)
    assert float(value("WatchdogSec")) / 2 > STATUS_S
    sockets = descriptors.max_sockets(int(value("LimitNOFILE")))
    assert options(settings, sockets).max_connections == settings.max_connections


@pytest.mark.parametrize("tls", [False, True])
def test_its_settings_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    for name in [name for name in os.environ if name.startswith("PRESENCE_")]:
        monkeypatch.delenv(name)
    text = (FOLDER / "presence.toml").read_text()
    if tls:
        first = text.index("host ="), text.index("jwt_key_file")
        text = text[: first[0]] + text[first[1] :]
        text = re.sub(r"^# (?=(host|port|tls_)\w* = )", "", text, flags=re.MULTILINE)
    file = tmp_path / "presence.toml"
    file.write_text(text)
    settings = load({"config": file})
    assert (settings.tls_cert is not None) is tls
    assert settings.port == (443 if tls else 8787)


def test_its_user_is_made_by_systemd(tmp_path: Path) -> None:
    file = FOLDER / "presence-server.sysusers"
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", file], check=True)  # noqa: S607
    assert re.search(rf"^{value('User')}:", (tmp_path / "etc" / "passwd").read_text(), re.MULTILINE)
    assert re.search(rf"^{value('Group')}:", (tmp_path / "etc" / "group").read_text(), re.MULTILINE)


def test_the_server_does_all_it_must_with_what_the_unit_allows(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue()
    under = (sys.executable, confined.__file__, str(UNIT))
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--log-format", "json")
    with Server(*flags, under=under, trust=authority.ca) as server:
        assert "Seccomp:\t2" in Path(f"/proc/{server.process.pid}/status").read_text()
        ann, bob = server.enter("ann"), server.enter("bob")
        ann.update("/confined")
        pump([ann, bob], lambda: bob.sees("ann", "/confined"))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.metric("presence_reloads_total", result="ok") == 1)
        assert server.metric("process_start_time_seconds") > 1e9
        assert server.admin("/readyz").status == 200


def test_what_the_unit_does_not_allow_is_refused() -> None:
    tries = """
import mmap, os, socket
for forbidden in (
    lambda: mmap.mmap(-1, 4_096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    lambda: os.setuid(0),
    lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
):
    try:
        forbidden()
    except PermissionError:
        print("refused")
"""
    under = [sys.executable, confined.__file__, str(UNIT)]
    ran = subprocess.run(
        [*under, sys.executable, "-c", tries], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "refused\n" * 4
