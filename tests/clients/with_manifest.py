"""The manifests of examples/deployment, against KServe's and Kubernetes' own models.

The models, generated from the APIs' descriptions, name the keys of each place, their
types and what is required. Copies that were broken on purpose must be refused.
"""

import copy
import re
from datetime import datetime
from pathlib import Path

import kserve
import kubernetes.client
import yaml
from case import error_of, passed
from kserve import constants
from kubernetes.utils import parse_quantity

EXAMPLES = Path(__file__).parents[2] / "examples" / "deployment"
PLAIN = {
    "bool": (bool,),
    "datetime": (datetime,),
    "float": (float, int),
    "int": (int,),
    "str": (str,),
}
LIST = re.compile(r"[Ll]ist\[(.+)\]")
DICT = re.compile(r"[Dd]ict[\[(]str, (.+)[\])]")
# The models say no more of them than that they are texts.
QUANTITIES = {
    f"V1ResourceRequirements.{name}": "dict(str, ResourceQuantity)"
    for name in ("limits", "requests")
}


class Fault(ValueError):
    """A manifest that a cluster would not take; the message begins with the place."""


def require(fits, place, what, value):
    if not fits:
        raise Fault(f"{place} must be {what}. Got {value!r}")


def checked(value, kind, place):
    """Turn what YAML holds into what the models call `kind`, or raise a Fault."""
    if kind == "object":
        # The model around it knows more.
        return value
    if kind in PLAIN:
        # A boolean is no integer here.
        require(type(value) in PLAIN[kind], place, kind, value)
        return value
    if kind == "ResourceQuantity":
        require(is_quantity(value), place, "a quantity such as '1Gi'", value)
        return value
    if found := LIST.fullmatch(kind):
        require(isinstance(value, list), place, "a list", value)
        return [
            checked(item, found[1], f"{place}[{position}]")
            for position, item in enumerate(value)
        ]
    require(isinstance(value, dict), place, "a mapping", value)
    if found := DICT.fullmatch(kind):
        return {
            checked(key, "str", place): checked(item, found[1], f"{place}.{key}")
            for key, item in value.items()
        }
    return built(value, model_of(kind, place), place)


def is_quantity(value):
    try:
        parse_quantity(value)
    except ValueError:
        return False
    return isinstance(value, str)


def model_of(kind, place, packages=(kserve, kubernetes.client)):
    """Find the model of a name; without one nothing could be checked."""
    for package in packages:
        model = getattr(package, kind, None)
        if hasattr(model, "openapi_types"):
            return model
    raise Fault(f"{place} is a {kind}, of which the packages have no model")


def built(value, model, place):
    """Make the model of a mapping; its constructor misses what is required."""
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    given = {}
    for key, item in value.items():
        if key not in names:
            raise Fault(f"{place} has no {key}")
        name = names[key]
        kind = QUANTITIES.get(f"{model.__name__}.{name}", model.openapi_types[name])
        given[name] = checked(item, kind, f"{place}.{key}".removeprefix("manifest."))
    try:
        return model(**given)
    except ValueError as error:
        raise Fault(f"{place} is no {model.__name__}: {error}") from error


def check_manifest(told):
    """Refuse what a cluster would, by all that the packages know of it."""
    for key in ("apiVersion", "kind", "metadata", "spec"):
        # The models leave them open, the cluster doesn't.
        if key not in told:
            raise Fault(f"manifest has no {key}, which is required")
    group, _, version = told["apiVersion"].rpartition("/")
    package = kserve if group == constants.KSERVE_GROUP else kubernetes.client
    name = f"{version.capitalize()}{told['kind']}"
    resource = built(told, model_of(name, "manifest", [package]), "manifest")
    if resource.metadata.name is None:
        raise Fault("metadata has no name, which is required")
    if package is kserve:
        check_pod(told["spec"]["predictor"], "spec.predictor")


def check_pod(told, place):
    """Check what KServe hands on to Kubernetes, which requires more of it."""
    keys = set(kubernetes.client.V1PodSpec.attribute_map.values())
    pod = {key: value for key, value in told.items() if key in keys}
    checked(pod, "V1PodSpec", place)


PREDICTOR = ("spec", "predictor")
CONTAINER = (*PREDICTOR, "containers", 0)
GONE = object()
BROKEN = [
    # Unknown keys.
    ((*CONTAINER, "readinesProbe"), {}, "spec.predictor.containers[0] has no readines"),
    ((*PREDICTOR, "min_replicas"), 1, "spec.predictor has no min_replicas"),
    (("metadata", "anotations"), {}, "metadata has no anotations"),
    # Wrong types.
    (
        (*CONTAINER, "ports", 0, "containerPort"),
        "8080",
        "spec.predictor.containers[0].ports[0].containerPort must be int. Got '8080'",
    ),
    (
        (*CONTAINER, "args", 6),
        8080,
        "spec.predictor.containers[0].args[6] must be str. Got 8080",
    ),
    ((*PREDICTOR, "maxReplicas"), True, "spec.predictor.maxReplicas must be int"),
    ((*PREDICTOR, "containers"), {}, "spec.predictor.containers must be a list"),
    (CONTAINER, "iris", "spec.predictor.containers[0] must be a mapping"),
    (
        (*CONTAINER, "livenessProbe", "httpGet", "port"),
        [8080],
        "spec.predictor.containers[0].livenessProbe.httpGet is no V1HTTPGetAction",
    ),
    (
        (*CONTAINER, "resources", "limits", "memory"),
        "1GiB",
        "spec.predictor.containers[0].resources.limits.memory must be a quantity",
    ),
    (("apiVersion",), "serving.kserve.io/v9", "manifest is a V9InferenceService, of"),
    (("apiVersion",), "apps/v1", "manifest is a V1InferenceService, of"),
    # What is required and missing.
    (("spec",), GONE, "manifest has no spec"),
    (("metadata", "name"), GONE, "metadata has no name"),
    (PREDICTOR, GONE, "spec is no V1beta1InferenceServiceSpec: "),
    ((*PREDICTOR, "containers"), GONE, "spec.predictor is no V1PodSpec: "),
    (
        (*CONTAINER, "name"),
        GONE,
        "spec.predictor.containers[0] is no V1Container: ",
    ),
    (
        (*CONTAINER, "readinessProbe", "httpGet", "port"),
        GONE,
        "spec.predictor.containers[0].readinessProbe.httpGet is no V1HTTPGetAction: ",
    ),
]


def broken(told, place, value):
    told = copy.deepcopy(told)
    *way, last = place
    parent = told
    for key in way:
        parent = parent[key]
    if value is GONE:
        del parent[last]
    else:
        parent[last] = value
    return told


for path in sorted(EXAMPLES.glob("*.yaml")):
    for manifest in yaml.safe_load_all(path.read_text()):
        check_manifest(manifest)
    passed("kserve", path.name)

right = yaml.safe_load((EXAMPLES / "kserve.yaml").read_text())
for place, value, message in BROKEN:
    error = error_of(check_manifest, broken(right, place, value))
    assert isinstance(error, Fault), error
    assert str(error).startswith(message), (message, error)
passed("kserve", f"{len(BROKEN)} broken manifests refused")
