"""The compose file: valid, closed where it can be, and all that it mounts is there."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from presence_server import __version__
from presence_server.settings import Settings
from presence_server.sources import load
from tests.deploy.longest import longest
from tests.support.server import Server, get

DEPLOY = Path(__file__).parents[2] / "deploy"
FILE = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
MADE = "./secrets/server"
"""What compose-up makes."""


@pytest.fixture(scope="module")
def effective() -> Any:
    """The file as Debian's docker-compose understands it."""
    program = shutil.which("docker-compose")
    assert program, "the tests need Debian's docker-compose: tests/setup/debian installs it"
    ran = subprocess.run(
        [program, "-f", str(FILE), "config"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    return yaml.safe_load(ran.stdout)


def test_docker_compose_accepts_the_file(effective: Any) -> None:
    assert effective["services"].keys() == {"server", "prometheus", "grafana"}
    assert effective["services"]["server"]["ports"] == ["127.0.0.1:8787:8787/tcp"]
    assert Path(effective["services"]["server"]["build"]["context"]) == DEPLOY.parent


def test_the_file_keeps_to_the_compose_specification() -> None:
    (schema,) = Path("/usr/lib/python3/dist-packages/compose").rglob("compose_spec.json")
    jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(COMPOSE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert not service.keys() & {"privileged", "network_mode", "pid", "cap_add"}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_named_by_its_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])


def test_the_image_of_the_server_is_of_this_version_and_of_the_containerfile() -> None:
    server = SERVICES["server"]
    assert server["image"] == f"presence-server:{__version__}"
    containerfile = (
        FILE.parent / server["build"]["context"] / server["build"]["dockerfile"]
    ).read_text()
    assert f"USER {server['user']}\n" in containerfile
    assert server["healthcheck"]["test"][1] in containerfile


def mounts() -> Iterator[str]:
    """What services mount of the folder of the file."""
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                assert rest.endswith(":ro"), volume
                yield source
            else:
                assert source in COMPOSE["volumes"]


def test_what_is_mounted_is_there() -> None:
    found = {*mounts()}
    assert MADE in found
    for source in found - {MADE}:
        assert (DEPLOY / source).exists(), source


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    grafana = SERVICES["grafana"]
    inside = dict(volume.split(":")[1::-1] for volume in grafana["volumes"])
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert inside[home] == "./grafana/presence.json"
    provisioned = DEPLOY / inside["/etc/grafana/provisioning"]
    provider = yaml.safe_load((provisioned / "dashboards/presence.yaml").read_text())
    assert Path(home).is_relative_to(provider["providers"][0]["options"]["path"])
    source = yaml.safe_load((provisioned / "datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert {*grafana["networks"]} & {*SERVICES["prometheus"]["networks"]}


def test_prometheus_reaches_the_admin_listener_and_nobody_outside_does() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "compose.yml").read_text())
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "presence")
    assert job["static_configs"] == [{"targets": ["server:8788"]}]
    assert COMPOSE["networks"]["scrape"]["internal"] is True
    for name in ("server", "prometheus"):
        assert "scrape" in SERVICES[name]["networks"]
    published = [port for service in SERVICES.values() for port in service["ports"]]
    assert not any("8788" in port for port in published)
    assert all("127.0.0.1" in port for port in published)


def test_prometheus_scrapes_as_often_as_grafana_believes() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "compose.yml").read_text())
    source = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )
    told = source["datasources"][0]["jsonData"]["timeInterval"]
    assert config["global"]["scrape_interval"] == told


def test_a_stop_leaves_time_to_drain() -> None:
    server = SERVICES["server"]
    drain = float(server["environment"]["PRESENCE_DRAIN_SECONDS"])
    grace = int(server["stop_grace_period"].rstrip("s"))
    assert grace > longest(load({"drain_seconds": drain}))


def test_there_are_descriptors_for_all_connections() -> None:
    limit = SERVICES["server"]["ulimits"]["nofile"]
    needed = Settings.model_fields["max_connections"].default * 10 / 9 + 100
    assert min(limit.values()) >= needed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the command, and a `docker` that writes down what it is asked."""
    shutil.copy(DEPLOY / "compose-up", tmp_path)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\necho "$PWD $*" >>"$(dirname "$0")/asked"\n')
    docker.chmod(0o755)
    return tmp_path


def compose_up(folder: Path, *flags: str) -> str:
    """Run the command; what it says."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    ran = subprocess.run(
        [folder / "compose-up", *flags],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        env={**os.environ, "PATH": path},
    )
    assert not ran.stderr
    return ran.stdout


def test_one_command_makes_keys_once_and_starts_it_all(folder: Path) -> None:
    assert "http://127.0.0.1:3000" in compose_up(folder)
    keys = {file: file.read_bytes() for file in (folder / MADE).iterdir()}
    assert {file.name for file in keys} == {"jwt-secret", "presence.toml"}
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    for file in keys:
        is_the_users = str(file.stat().st_uid) == SERVICES["server"]["user"].split(":")[0]
        assert is_the_users or file.stat().st_mode & stat.S_IROTH
    compose_up(folder, "--pull", "always")
    assert {file: file.read_bytes() for file in keys} == keys
    asked = (folder / "bin" / "asked").read_text().splitlines()
    up = f"{folder} compose up --detach --build --wait"
    assert asked == [up, f"{up} --pull always"]


def test_the_server_starts_with_what_was_made_and_its_health_check_says_so(folder: Path) -> None:
    compose_up(folder)
    inside = "/etc/presence-server"
    variables = {
        name: value.replace(inside, str(folder / MADE))
        for name, value in SERVICES["server"]["environment"].items()
    }
    with Server(variables=variables) as server:
        assert get(server.admin_port, "/readyz").status == 200
        key = re.search(r'"(\w+)"', (folder / MADE / "presence.toml").read_text())
        assert key
        assert get(server.admin_port, "/v1/rooms", key[1]).status == 200
        assert health_check(server.admin_port) == 0
    assert health_check(server.admin_port) != 0


def health_check(port: int) -> int:
    """Run the health check of the compose file against a port; its exit code."""
    _, _, *arguments = SERVICES["server"]["healthcheck"]["test"]
    here = [argument.replace("8788", str(port)) for argument in arguments]
    ran = subprocess.run([sys.executable, *here], capture_output=True, timeout=20, check=False)
    return ran.returncode
