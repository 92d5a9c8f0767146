"""Debian's reverse proxies with the files of `deploy/`, on the loopback, as whoever runs the tests.

The shipped text is what runs. Changed in it are the places that an operator changes, and what needs
root: the port, where logs go, the user. A change whose old text is not there fails the test.
"""

import os
import shutil
import signal
import ssl
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from tests.support.peer import HOST
from tests.support.server import Server, eventually, free_port

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
SECOND_HOST: Final = "127.0.0.2"
NAME: Final = "presence.example.com"
CERTIFICATE: Final = "/etc/ssl/presence/fullchain.pem"
KEY: Final = "/etc/ssl/presence/privkey.pem"
CLIENTS: Final = "127.0.0.1:8787"

Changes = Mapping[str, str]
Pair = tuple[Path, Path]


def change(text: str, changes: Changes) -> str:
    """The text with each old piece replaced wherever it is."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the shipped file"
        text = text.replace(old, new)
    return text


class Proxy(ABC):
    """One proxy in front of `server`, for use as a context manager; `changes` go into its files."""

    HASTY: ClassVar[Changes] = {}
    """What makes its patience short, for tests of what it does at the end of it."""
    AWAY: ClassVar = 502
    """What it answers while the server is away."""
    CUT: ClassVar = 1006
    """What clients see who are cut by a reload, sooner or later."""

    def __init__(self, folder: Path, server: Server, pair: Pair, changes: Changes) -> None:
        self.folder = folder
        self.port = free_port()
        self._logs = folder / "logs"
        self._output = self._logs / "output"
        self._certificate = folder / "fullchain.pem"
        self._key = folder / "fullchain.pem.key"
        self._server = server
        self._process: subprocess.Popen[bytes]
        self._logs.mkdir()
        self.certify(pair)
        self.configure(changes)

    @abstractmethod
    def configure(self, changes: Changes) -> None:
        """Write its files."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """What starts it in the foreground."""

    @abstractmethod
    def check(self) -> "subprocess.CompletedProcess[str]":
        """Have it check its files."""

    @abstractmethod
    def reload(self) -> None:
        """Have it read its files again, as `systemctl reload` does."""

    def __enter__(self) -> Self:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, env=self.environment()
            )
        try:
            eventually(self._answers, 20)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.logs()
        try:
            ssl.get_server_certificate((HOST, self.port), timeout=5)
        except OSError:
            return False
        return True

    def environment(self) -> Mapping[str, str]:
        """The environment that it runs in."""
        return os.environ

    def certify(self, pair: Pair) -> None:
        """Give it another certificate, which it reads at the next reload."""
        for source, target in zip(pair, (self._certificate, self._key), strict=True):
            shutil.copyfile(source, target)

    def logs(self) -> str:
        """All that it has written."""
        files = sorted(self._logs.iterdir())
        return "".join(file.read_text(errors="replace") for file in files)

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command of it to its end."""
        return subprocess.run(
            command, capture_output=True, text=True, timeout=30, env=self.environment(), check=False
        )


def program(name: str) -> str:
    """The path of an installed program."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path, f"the tests need Debian's {name}: tests/setup/debian installs it"
    return path


class Nginx(Proxy):
    """nginx with `nginx.conf` and `presence.conf`."""

    HASTY: ClassVar[Changes] = {
        "_timeout 120s": "_timeout 2s",
        "client_header_timeout 10s": "client_header_timeout 1s",
        "worker_shutdown_timeout 8h": "worker_shutdown_timeout 1s",
    }

    def configure(self, changes: Changes) -> None:
        """Put the files where it looks for them, and what a user can't write to beside them."""
        places = {
            "/var/log/nginx": str(self._logs),
            "listen 443": f"listen {HOST}:{self.port}",
            "listen [::]:443": f"listen {SECOND_HOST}:{self.port}",
            NAME: HOST,
            CERTIFICATE: str(self._certificate),
            KEY: str(self._key),
            CLIENTS: f"{HOST}:{self._server.port}",
        }
        parts = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"
        temporary = "".join(f"{part}_temp_path {self.folder / part};\n" for part in parts)
        (self.folder / "conf.d").mkdir()
        (self.folder / "conf.d/temporary.conf").write_text(temporary)
        files = {"nginx.conf": "nginx.conf", "presence.conf": "conf.d/presence.conf"}
        texts = {name: (DEPLOY / "nginx" / name).read_text() for name in files}
        together = "\0".join(texts.values())
        changed = change(together, {**places, **changes}).split("\0")
        for path, text in zip(files.values(), changed, strict=True):
            (self.folder / path).write_text(text)

    def command(self) -> list[str | Path]:
        """As Debian's unit starts it, but in the foreground."""
        own = f"daemon off; pid {self.folder / 'pid'};"
        return [program("nginx"), "-e", "stderr", "-c", self.folder / "nginx.conf", "-g", own]

    def check(self) -> "subprocess.CompletedProcess[str]":
        """nginx -t."""
        return self.run(*self.command(), "-t")

    def reload(self) -> None:
        """What `nginx -s reload` does."""
        self._process.send_signal(signal.SIGHUP)


class HAProxy(Proxy):
    """HAProxy with `haproxy.cfg`, as master and worker."""

    AWAY = 503
    HASTY: ClassVar[Changes] = {
        "timeout tunnel 120s": "timeout tunnel 2s",
        "timeout http-request 10s": "timeout http-request 1s",
        "timeout connect 5s": "timeout connect 200ms",
        "hard-stop-after 8h": "hard-stop-after 1s",
    }

    def configure(self, changes: Changes) -> None:
        """Write its file."""
        places = {
            "    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n": "",
            "log /dev/log local0": "log stdout format raw local0",
            "bind :::443 v4v6": f"bind {HOST}:{self.port}",
            NAME: HOST,
            "/etc/haproxy/presence/fullchain.pem ": f"{self._certificate} ",
            f"{CLIENTS} check port 8788": (
                f"{HOST}:{self._server.port} check port {self._server.admin_port}"
            ),
        }
        text = (DEPLOY / "haproxy/haproxy.cfg").read_text()
        (self.folder / "haproxy.cfg").write_text(change(text, {**places, **changes}))

    def command(self) -> list[str | Path]:
        """As Debian's unit starts it, but for the word to systemd."""
        return [program("haproxy"), "-W", "-f", self.folder / "haproxy.cfg"]

    def check(self) -> "subprocess.CompletedProcess[str]":
        """haproxy -c."""
        return self.run(program("haproxy"), "-c", "-f", self.folder / "haproxy.cfg")

    def reload(self) -> None:
        """What the unit's ExecReload does; a master that has just started is deaf to it."""
        eventually(self._hears)
        self._process.send_signal(signal.SIGUSR2)

    def _hears(self) -> bool:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGUSR2 - 1) & 1)


class Caddy(Proxy):
    """Caddy with `Caddyfile`."""

    CUT = 1001
    HASTY: ClassVar[Changes] = {
        "read_header 10s": "read_header 1s",
        "idle 10s": "idle 1s",
        "lb_try_duration 3s": "lb_try_duration 100ms",
        "lb_try_interval 250ms": "lb_try_interval 20ms",
    }

    def configure(self, changes: Changes) -> None:
        """Write its file."""
        endpoint = f"\tadmin {HOST}:{free_port()}\n"
        places = {
            "\tauto_https": f"{endpoint}\tauto_https",
            "/var/log/caddy": str(self._logs),
            f"{NAME} {{": f"https://{HOST}:{self.port} {{\n\tbind {HOST}",
            CERTIFICATE: str(self._certificate),
            KEY: str(self._key),
            CLIENTS: f"{HOST}:{self._server.port}",
        }
        text = (DEPLOY / "caddy/Caddyfile").read_text()
        (self.folder / "Caddyfile").write_text(change(text, {**places, **changes}))

    def environment(self) -> Mapping[str, str]:
        """What it keeps is the test's."""
        home = str(self.folder)
        return os.environ | {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    def _do(self, *words: str) -> list[str | Path]:
        return [program("caddy"), *words, "--config", self.folder / "Caddyfile"]

    def command(self) -> list[str | Path]:
        """As Debian's unit starts it."""
        return self._do("run")

    def check(self) -> "subprocess.CompletedProcess[str]":
        """Caddy validate."""
        return self.run(*self._do("validate"))

    def reload(self) -> None:
        """What the unit's ExecReload does."""
        done = self.run(*self._do("reload", "--force"))
        assert done.returncode == 0, done.stderr


KINDS: Final[Iterable[type[Proxy]]] = (Nginx, HAProxy, Caddy)
