"""What the image of examples/deployment is made of."""

import argparse
import json
import re
import tomllib
from pathlib import Path

from skdeep.serving import command_line

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "examples" / "deployment"


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()


def test_image_holds_what_the_extra_does_and_no_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (DEPLOYMENT / "requirements.txt").read_text().splitlines()
    installed = {name_of(line) for line in lines if line and line[0] != "#"}
    assert installed >= {*map(name_of, project["optional-dependencies"]["serve"])}
    assert not installed & {"torch", "scikit-learn", "skorch", "scipy"}


def test_server_itself_gets_the_signals():
    lines = (DEPLOYMENT / "Dockerfile").read_text().splitlines()
    told = dict(
        line.split(" ", 1) for line in lines if line.startswith(("ENTRY", "CMD"))
    )
    # A shell in between would keep SIGTERM to itself.
    assert json.loads(told["ENTRYPOINT"]) == ["skdeep"]
    assert json.loads(told["CMD"]) == ["serve"]
    assert not any(line.startswith("USER") for line in lines)


def test_manifest_starts_the_server():
    text = (DEPLOYMENT / "kserve.yaml").read_text()
    arguments = re.search(r"args: \[(.*)\]", text)[1].replace('"', "").split(", ")
    parser = argparse.ArgumentParser()
    command_line.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(arguments)
    assert (parsed.model, parsed.host, parsed.port) == ("/mnt/models", "0.0.0.0", 8080)
