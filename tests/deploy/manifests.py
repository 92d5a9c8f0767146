"""The manifests of deploy/kubernetes, and schemas of the kinds that are none of Kubernetes' own.

PodMonitor and HTTPRoute are custom resources: their schemas here are ours, and have no more than
what the manifests use, as their references describe it.
"""

from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
NAME: Final = "presence-server"

Json = dict[str, Any]


def documents() -> dict[str, Json]:
    """Each file's one document, by the file's name."""
    return {file.name: yaml.safe_load(file.read_text()) for file in sorted(FOLDER.glob("*.yaml"))}


def closed(required: Json, **optional: Any) -> Json:
    """The schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": [*required],
        "additionalProperties": False,
    }


def filled(items: Json) -> Json:
    """The schema of a list that is not empty."""
    return {"type": "array", "items": items, "minItems": 1}


TEXT: Final[Json] = {"type": "string", "minLength": 1}
TEXTS: Final[Json] = {"type": "object", "additionalProperties": {"type": "string"}}
PORT: Final[Json] = {"type": "integer", "minimum": 1, "maximum": 65535}
DURATION: Final[Json] = {"type": "string", "pattern": r"^(\d{1,5}(h|m|s|ms)){1,4}$"}
METADATA: Final = closed({"name": TEXT, "namespace": TEXT}, labels=TEXTS)
SELECTOR: Final = closed({"matchLabels": TEXTS})


def resource(version: str, kind: str, spec: Json) -> Json:
    """The schema of a custom resource."""
    return closed(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": METADATA,
            "spec": spec,
        }
    )


CUSTOM: Final = {
    "podmonitor.yaml": resource(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        closed(
            {
                "selector": SELECTOR,
                "podMetricsEndpoints": filled(closed({"port": TEXT}, path=TEXT, interval=DURATION)),
            }
        ),
    ),
    "httproute.yaml": resource(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        closed(
            {
                "parentRefs": filled(closed({"name": TEXT}, namespace=TEXT)),
                "hostnames": filled(TEXT),
                "rules": filled(
                    closed(
                        {
                            "matches": filled(
                                closed({"path": closed({"type": TEXT, "value": TEXT})})
                            ),
                            "backendRefs": filled(closed({"name": TEXT, "port": PORT})),
                        },
                        timeouts=closed({"request": DURATION}),
                    )
                ),
            }
        ),
    ),
    "kustomization.yaml": closed(
        {
            "apiVersion": {"const": "kustomize.config.k8s.io/v1beta1"},
            "kind": {"const": "Kustomization"},
            "resources": filled(TEXT),
            "images": filled(closed({"name": TEXT, "newName": TEXT, "newTag": TEXT})),
        }
    ),
}
