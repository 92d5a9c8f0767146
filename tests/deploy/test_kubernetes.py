"""The manifests are valid, agree with one another and with the server, and the server runs by them.

No cluster is here: what a kubelet would do with the Deployment is done to the real server by hand.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr

from presence_server import __version__
from presence_server.core.address import is_party_path
from presence_server.settings import PREFIX, Settings, SettingsRefused
from presence_server.sources import load
from tests.deploy.containerfile import stages
from tests.deploy.longest import longest
from tests.deploy.manifests import CUSTOM, FOLDER, NAME, Json, documents
from tests.support.peer import pump
from tests.support.server import ADMIN_KEY, PROGRAM, Server, environment, eventually, get

VERSION: Final = "1.37"
ALL: Final = documents()
NOT_APPLIED: Final = {"kustomization.yaml", "httproute.yaml", "secret.example.yaml"}
POD: Final[Json] = ALL["deployment.yaml"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]
LABELS: Final[dict[str, str]] = POD["metadata"]["labels"]
PORTS: Final = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
VARIABLES: Final[dict[str, Json]] = {one["name"]: one for one in CONTAINER["env"]}
ROOT: Final = "/etc/presence-server"
OLD, NEW = "an-old-secret-of-more-than-32-bytes", "a-new-secret-of-more-than-32-bytes"


# They are what Kubernetes takes


def check(file: str, document: Json) -> None:
    """Hold a document against the schema of its kind: of Kubernetes, or ours of a custom one."""
    if file in CUSTOM:
        jsonschema.validate(document, CUSTOM[file])
    else:
        kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("file", sorted(ALL))
def test_it_is_valid_by_the_schema_of_its_kind(file: str) -> None:
    check(file, ALL[file])


@pytest.mark.parametrize("file", sorted(ALL))
def test_a_misspelt_field_would_be_refused(file: str) -> None:
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(file, {**ALL[file], "spce": {}})


def test_the_kustomization_applies_every_file_but_alternatives_and_the_example() -> None:
    assert set(ALL["kustomization.yaml"]["resources"]) == ALL.keys() - NOT_APPLIED
    [image] = ALL["kustomization.yaml"]["images"]
    assert (image["name"], image["newTag"]) == (CONTAINER["image"], __version__)


def test_all_is_in_one_namespace() -> None:
    namespace = ALL["namespace.yaml"]["metadata"]["name"]
    for file, document in ALL.items():
        if file not in ("namespace.yaml", "kustomization.yaml"):
            assert document["metadata"]["namespace"] == namespace, file


# They agree with one another


def test_every_selector_finds_the_pod() -> None:
    selectors = [
        ALL["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        ALL["service.yaml"]["spec"]["selector"],
        ALL["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"],
        ALL["podmonitor.yaml"]["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= LABELS.items()


def test_every_port_is_one_of_the_pods() -> None:
    [service] = ALL["service.yaml"]["spec"]["ports"]
    [metrics] = ALL["podmonitor.yaml"]["spec"]["podMetricsEndpoints"]
    ingress = ALL["networkpolicy.yaml"]["spec"]["ingress"]
    assert service["targetPort"] == "public"
    assert metrics["port"] == "admin"
    assert [port["port"] for rule in ingress for port in rule["ports"]] == ["public", "admin"]
    assert {CONTAINER[probe]["httpGet"]["port"] for probe in PROBES} == {"admin"}


def test_the_ways_in_lead_to_the_service() -> None:
    [service] = ALL["service.yaml"]["spec"]["ports"]
    [rule] = ALL["ingress.yaml"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    [route] = ALL["httproute.yaml"]["spec"]["rules"]
    [match] = route["matches"]
    assert path["backend"]["service"] == {"name": NAME, "port": {"name": service["name"]}}
    assert route["backendRefs"] == [{"name": NAME, "port": service["port"]}]
    assert ALL["service.yaml"]["metadata"]["name"] == NAME
    assert path["path"] == match["path"]["value"]
    assert is_party_path(f"{path['path']}/presence/room")
    assert ALL["httproute.yaml"]["spec"]["hostnames"] == [rule["host"]]


def test_the_files_that_are_mounted_are_those_that_the_settings_name() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    [key_item] = volume("secret")["secret"]["items"]
    [config] = ALL["configmap.yaml"]["data"]
    assert value("PRESENCE_JWT_KEY_FILE") == f"{mounts['secret']}/{key_item['path']}"
    assert value("PRESENCE_CONFIG") == f"{mounts['config']}/{config}"
    assert not any("subPath" in mount for mount in CONTAINER["volumeMounts"])
    admin_key = VARIABLES["PRESENCE_ADMIN_KEY"]["valueFrom"]["secretKeyRef"]
    assert {key_item["key"], admin_key["key"]} == ALL["secret.example.yaml"]["stringData"].keys()
    names = {volume("secret")["secret"]["secretName"], admin_key["name"]}
    assert names == {ALL["secret.example.yaml"]["metadata"]["name"]}
    assert volume("config")["configMap"]["name"] == ALL["configmap.yaml"]["metadata"]["name"]


# They agree with the server


def test_every_variable_is_a_setting() -> None:
    assert {*VARIABLES} <= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_the_settings_file_is_one_that_the_server_takes(settings: Settings) -> None:
    assert settings.allowed_origins
    assert settings.trusted_proxies


def test_the_ports_are_those_that_the_server_listens_on(settings: Settings) -> None:
    assert {"public": settings.port, "admin": settings.admin_port} == PORTS


def test_the_pod_is_given_the_time_that_draining_takes(settings: Settings) -> None:
    assert POD["spec"]["terminationGracePeriodSeconds"] > longest(settings)


def test_no_proxy_gives_up_on_a_connection_that_is_only_pinged(settings: Settings) -> None:
    annotations = ALL["ingress.yaml"]["metadata"]["annotations"]
    for name in ("proxy-read-timeout", "proxy-send-timeout"):
        assert int(annotations[f"nginx.ingress.kubernetes.io/{name}"]) > 2 * settings.ping_interval
    assert ALL["httproute.yaml"]["spec"]["rules"][0]["timeouts"] == {"request": "0s"}


def test_the_access_log_which_would_have_the_tokens_is_off() -> None:
    annotations = ALL["ingress.yaml"]["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/enable-access-log"] == "false"


def test_there_is_never_a_second_process_with_the_same_rooms() -> None:
    spec = ALL["deployment.yaml"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_pod_keeps_to_the_restricted_standard() -> None:
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    kinds = {"name", "configMap", "secret", "emptyDir"}
    assert all({*one} <= kinds for one in POD["spec"]["volumes"])
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_the_pods_user_is_the_images() -> None:
    [user] = [step.rest for step in stages()[-1] if step.name == "USER"]
    security = POD["spec"]["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
    assert security["fsGroup"] == security["runAsGroup"]
    assert volume("secret")["secret"]["defaultMode"] == 0o440


def test_the_variables_that_kubernetes_makes_of_services_would_stop_the_server() -> None:
    assert POD["spec"]["enableServiceLinks"] is False
    linked = {f"{NAME.upper().replace('-', '_')}_PORT": "tcp://10.0.0.1:80"}
    done = subprocess.run(
        [PROGRAM, "serve"], env=environment(linked), capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert b"PRESENCE_SERVER_PORT: set by Kubernetes" in done.stderr
    assert b"enableServiceLinks: false" in done.stderr


def test_the_placeholders_of_the_example_are_no_keys(tmp_path: Path) -> None:
    placeholder = ALL["secret.example.yaml"]["stringData"]
    keys = tmp_path / "jwt-keys"
    keys.write_text(placeholder["jwt-keys"])
    done = subprocess.run(
        [PROGRAM, "serve", "--port", "0", "--admin-port", "0", "--jwt-key-file", keys],
        env=environment({}),
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    with pytest.raises(SettingsRefused):
        load({"admin_key": SecretStr(placeholder["admin-key"])})


# The server runs by them


PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")


def value(name: str) -> str:
    """A variable of the container."""
    given: str = VARIABLES[name]["value"]
    return given


def volume(name: str) -> Json:
    """A volume of the pod."""
    [found] = [one for one in POD["spec"]["volumes"] if one["name"] == name]
    return dict(found)


def project(folder: Path, files: dict[str, str], version: str = "..1") -> None:
    """Lay out files as a kubelet does: names that lead through a link, which alone is replaced."""
    versioned = folder / version
    versioned.mkdir(parents=True)
    for name, text in files.items():
        (versioned / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(version)
    (folder / "..new").rename(folder / "..data")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `ROOT` is in the pod."""
    folder = tmp_path_factory.mktemp("mounted")
    project(folder / "config", ALL["configmap.yaml"]["data"])
    project(folder / "secret", {"jwt-keys": f"{OLD}\n"})
    return folder


@pytest.fixture(scope="module")
def settings(mounted: Path) -> Settings:
    """The settings that the server has in the pod."""
    return load({"config": str(mounted / "config" / "presence.toml")})


def in_pod(mounted: Path) -> Server:
    """The server as the pod has it, but on the loopback."""
    given = {name: one["value"] for name, one in VARIABLES.items() if "value" in one}
    given = {name: text.replace(ROOT, str(mounted)) for name, text in given.items()}
    assert {given.pop("PRESENCE_HOST"), given.pop("PRESENCE_ADMIN_HOST")} == {"0.0.0.0"}  # noqa: S104
    return Server(variables=given | {"PRESENCE_ADMIN_KEY": ADMIN_KEY})


@pytest.fixture(scope="module")
def server(mounted: Path) -> Iterator[Server]:
    with in_pod(mounted) as server:
        yield server


def probe(server: Server, name: str) -> int:
    """What a probe of the container is answered."""
    return get(server.admin_port, CONTAINER[name]["httpGet"]["path"]).status


def test_every_probe_succeeds_once_the_server_listens(server: Server) -> None:
    assert [probe(server, name) for name in PROBES] == [200, 200, 200]


def test_prometheus_finds_metrics_where_the_pod_monitor_says(server: Server) -> None:
    [metrics] = ALL["podmonitor.yaml"]["spec"]["podMetricsEndpoints"]
    assert b"presence_connections" in get(server.admin_port, metrics["path"]).body


def test_a_key_that_the_kubelet_renews_counts_after_sighup(server: Server, mounted: Path) -> None:
    server.enter("ann", key=OLD).drop()
    project(mounted / "secret", {"jwt-keys": f"{OLD}\n{NEW}\n"}, "..2")
    send_hangup(server)
    eventually(lambda: server.metric("presence_keys") == 2)
    server.enter("bob", key=NEW).drop()


def test_while_it_drains_the_pod_is_not_ready_but_alive(mounted: Path) -> None:
    with in_pod(mounted) as server:
        cat = server.enter("cat", key=OLD)  # who does not agree to the close until told to read
        server.terminate()
        eventually(lambda: probe(server, "readinessProbe") == 503)
        assert probe(server, "livenessProbe") == 200
        pump([cat], lambda: cat.closed)
        cat.drop()
        assert server.wait() == 0


def send_hangup(server: Server) -> None:
    """What deploy/kubernetes/README.md has one run in the pod, where the server is process 1."""
    command = "kill -HUP 1"
    assert f"sh -c '{command}'" in (FOLDER / "README.md").read_text()
    subprocess.run(
        ["/bin/sh", "-c", command.replace("1", str(server.process.pid))], check=True, timeout=10
    )
