"""What deploy/kernel.md says is what its file sets, what the code has, and what Linux does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from presence_server.capacity import options
from presence_server.descriptors import max_sockets
from presence_server.gateway.listener import BACKLOG, NOTSENT_LOWAT
from presence_server.settings import Settings
from presence_server.sources import load

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
PAGE: Final = (DEPLOY / "kernel.md").read_text()
FILE: Final = (DEPLOY / "kernel" / "90-presence.conf").read_text()
KEY: Final = r"(?:fs|net|vm)\.[\w.]+"
LINE: Final = re.compile(rf"^(-?)({KEY}) = (.+)$", re.MULTILINE)
MADE: Final = {key: value for _, key, value in LINE.findall(FILE)}
WITH_A_MODULE: Final = {key for dash, key, _ in LINE.findall(FILE) if dash}
"""What the file says need not be there."""


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table of a section that begin with keys: the other cells, by each key."""
    section = PAGE.partition(f"## {heading}\n" if heading else "")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line]
    return {key: rest for first, *rest in lines for key in re.findall(f"`({KEY})`", first)}


def test_every_line_of_the_file_is_a_setting_or_a_comment() -> None:
    lines = [line for line in FILE.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(MADE) == 2


def test_the_page_explains_what_the_file_sets_and_says_the_same_values() -> None:
    table = {key: cells[2] for key, cells in set_by_the_page().items()}
    assert table == MADE


def set_by_the_page() -> dict[str, list[str]]:
    """The rows of the first table that name the file."""
    table = PAGE.partition("## ")[0]
    lines = [
        line.strip("| ").split(" | ") for line in table.splitlines() if "90-presence.conf" in line
    ]
    return {first.strip("`"): rest for first, *rest in lines if re.fullmatch(f"`{KEY}`", first)}


def test_nothing_is_set_that_the_page_calls_useless() -> None:
    useless = rows("What is not needed")
    assert len(useless) > 10
    assert not useless.keys() & MADE.keys()


def test_this_kernel_knows_every_setting_that_the_page_names() -> None:
    named = set(re.findall(rf"`({KEY})`", PAGE)) | MADE.keys()
    missing = {key for key in named if not Path("/proc/sys", *key.split(".")).exists()}
    of_a_module = {key for key in missing if key.startswith("net.netfilter.nf_conntrack_")}
    assert missing == of_a_module
    assert {key for key in MADE if key.startswith("net.netfilter.")} == WITH_A_MODULE


def test_a_kernel_takes_the_range_of_ports_and_leaves_the_servers_own_out() -> None:
    given = MADE["net.ipv4.ip_local_port_range"]
    low, high = map(int, given.split())
    fields = Settings.model_fields
    assert low > max(fields["port"].default, fields["admin_port"].default, 9090, 9100)
    assert f"{high - low + 1:,}" in PAGE
    assert in_a_network_of_its_own(DIAL, given, "0").split() == given.split()


def test_each_address_of_the_server_has_the_whole_range_of_ports() -> None:
    """What the page advises for a proxy on the same machine, with a range of ten."""
    assert in_a_network_of_its_own(DIAL, "40000 40009", "12").splitlines()[1:] == [
        "127.0.0.1 10 errno 99",
        "127.0.0.2 10 errno 99",
    ]


def test_connection_tracking_has_room_for_a_proxy_beside_the_server() -> None:
    connections = Settings.model_fields["max_connections"].default
    assert int(MADE["net.netfilter.nf_conntrack_max"]) > 2 * connections


def test_the_descriptors_that_it_asks_for_are_as_many_as_it_takes() -> None:
    [least] = re.findall(r"100,000 need a limit of \*\*([\d,]+)\*\*", PAGE)
    limit = int(least.replace(",", ""))
    settings = load()
    assert options(settings, max_sockets(limit)).max_connections == 100_000
    assert options(settings, max_sockets(limit - 2)).max_connections < 100_000
    [asked] = re.findall(r"\| descriptors of the process \|.*\| (\d+) \|", PAGE)
    assert int(asked) > limit
    unit = (DEPLOY / "systemd" / "presence-server.service").read_text()
    assert f"LimitNOFILE={asked}\n" in unit


def test_the_figures_of_the_listener_are_the_listeners() -> None:
    assert f"a queue of {BACKLOG:,} (`gateway/listener.py`)" in PAGE
    assert f"`TCP_NOTSENT_LOWAT` keeps it at {NOTSENT_LOWAT // 1024} KiB" in PAGE


DIAL: Final = """
import fcntl, socket, struct, sys
ports, wanted = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
with open("/proc/sys/net/ipv4/ip_local_port_range", "r+") as setting:
    setting.write(ports)
with open("/proc/sys/net/ipv4/ip_local_port_range") as setting:
    print(*setting.read().split())
server = socket.create_server(("0.0.0.0", 8787), backlog=100)
clients = []
for address in ("127.0.0.1", "127.0.0.2") if wanted else ():
    before = len(clients)
    try:
        for _ in range(wanted):
            clients.append(socket.create_connection((address, 8787), 5))
    except OSError as error:
        print(address, len(clients) - before, "errno", error.errno)
"""
"""Dials a server at two addresses until there is no port left."""


def in_a_network_of_its_own(script: str, *arguments: str) -> str:
    """What a script of Python prints there."""
    unshare = shutil.which("unshare")
    assert unshare, "the tests need util-linux"
    apart = [unshare, "--user", "--map-root-user", "--net"]
    program = [sys.executable, "-W", "ignore::ResourceWarning", "-c", script, *arguments]
    done = subprocess.run(
        [*apart, *program], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
