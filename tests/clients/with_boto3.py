"""boto3's client of SageMaker endpoints, sent here by its endpoint_url."""

import csv
import io
import json

import boto3
from case import assert_entries_right, assert_right, error_of, passed, read_case

case = read_case()
client = boto3.client(
    "sagemaker-runtime",
    endpoint_url=f"http://127.0.0.1:{case.port}",
    region_name="eu-west-1",
    aws_access_key_id="none",
    aws_secret_access_key="none",
)


def invoke(body, kind, **more):
    return client.invoke_endpoint(
        EndpointName=case.model, Body=body, ContentType=kind, **more
    )


answer = invoke(json.dumps({"instances": case.rows}), "application/json")
assert_entries_right(case, json.loads(answer["Body"].read())["predictions"])
passed("boto3", "JSON")

text = "\n".join(",".join(map(repr, row)) for row in case.rows)
answer = invoke(text, "text/csv", Accept="text/csv", InferenceId="seven")
assert answer["ContentType"] == "text/csv"
rows = list(csv.reader(io.StringIO(answer["Body"].read().decode())))
numbers = [[float(cell) for cell in row[1:]] for row in rows]
assert_right(case, numbers, [row[0] for row in rows])
passed("boto3", "csv")

answer = invoke(
    text, "text/csv", Accept="application/json", CustomAttributes="output=label"
)
assert json.loads(answer["Body"].read()) == {"predictions": case.labels}
passed("boto3", "custom attributes")

error = error_of(invoke, "1,2", "text/csv")
assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
passed("boto3", "refusal")
