"""Requests made up from the OpenAPI description; none may end in a 5xx."""

import subprocess
import sys
from pathlib import Path

from case import passed, read_case

N_EXAMPLES = 200

case = read_case()
command = [
    Path(sys.executable).with_name("schemathesis"),
    "run",
    f"http://127.0.0.1:{case.port}/openapi.json",
    "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance",
    "--phases=examples,coverage,fuzzing",
    f"--max-examples={N_EXAMPLES}",
    "--seed=0",
    "--suppress-health-check=all",
    "--request-timeout=10",
    "--no-color",
]
done = subprocess.run(command, cwd=Path(sys.argv[1]).parent, check=False)
if done.returncode == 0:
    passed("schemathesis", f"{N_EXAMPLES} examples of each operation")
sys.exit(done.returncode)
