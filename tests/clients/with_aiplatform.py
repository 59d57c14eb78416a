"""Vertex AI's LocalEndpoint, without the container that it would start."""

import json

from case import assert_entries_right, passed, read_case
from google.cloud.aiplatform.prediction import LocalEndpoint

case = read_case()
endpoint = LocalEndpoint(
    serving_container_image_uri="none",
    serving_container_predict_route="/predict",
    serving_container_health_route="/health",
    host_port=case.port,
)
# The server is no container of Docker's, but its port is open.
endpoint.container_is_running = True
try:
    assert endpoint.run_health_check().status_code == 200
    passed("google-cloud-aiplatform", "health")

    answer = endpoint.predict(request=json.dumps({"instances": case.rows}))
    assert_entries_right(case, answer.json()["predictions"])
    passed("google-cloud-aiplatform", "predict")

    request = {"instances": case.rows, "parameters": {"output": "label"}}
    headers = {"Content-Type": "application/json"}
    answer = endpoint.predict(request=json.dumps(request), headers=headers)
    assert answer.json() == {"predictions": case.labels}
    passed("google-cloud-aiplatform", "parameters")

    answer = endpoint.predict(request=json.dumps({"instances": [[1, 2]]}))
    assert answer.status_code == 400
    assert "must have 30 values" in answer.json()["error"]
    passed("google-cloud-aiplatform", "refusal")
finally:
    endpoint.container_is_running = False
