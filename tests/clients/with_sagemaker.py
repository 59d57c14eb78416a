"""The client of SageMaker's local mode."""

import json

from case import assert_entries_right, passed, read_case
from sagemaker.core.local.local_session import LocalSagemakerRuntimeClient

case = read_case()
client = LocalSagemakerRuntimeClient({"local": {"serving_port": case.port}})
answer = client.invoke_endpoint(
    Body=json.dumps({"instances": case.rows}),
    EndpointName="local",
    ContentType="application/json",
    Accept="application/json",
)
assert_entries_right(case, json.loads(answer["Body"].read())["predictions"])
passed("sagemaker-core", "JSON")

lines = "\n".join(json.dumps({"features": row}) for row in case.rows)
answer = client.invoke_endpoint(
    Body=lines, EndpointName="local", ContentType="application/jsonlines"
)
assert answer["ContentType"] == "application/jsonlines"
entries = [json.loads(line) for line in answer["Body"].read().splitlines()]
assert_entries_right(case, entries)
passed("sagemaker-core", "JSON lines")

answer = client.invoke_endpoint(
    Body="1,2", EndpointName="local", ContentType="text/csv"
)
assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
passed("sagemaker-core", "refusal")
