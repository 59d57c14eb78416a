"""MLflow's client of its scoring server."""

import json

import pandas as pd
from case import assert_entries_right, error_of, passed, read_case
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

case = read_case()
client = ScoringServerClient("127.0.0.1", case.port)
client.ping()
client.wait_server_ready()
passed("mlflow-skinny", "ping")

frame = pd.DataFrame(case.rows, columns=case.columns)
assert_entries_right(case, client.invoke(frame[frame.columns[::-1]])["predictions"])
passed("mlflow-skinny", "data frame")

records = frame.to_dict("records")
lists = {name: frame[name].tolist() for name in frame}
# The client can't write a dict of lists itself, but it sends what is JSON already.
texts = map(json.dumps, ({"inputs": lists}, {"instances": records}))
for form in (frame.to_numpy(), records, *texts):
    assert_entries_right(case, client.invoke(form)["predictions"])
passed("mlflow-skinny", "inputs and instances")

answer = client.invoke(frame, params={"output": "label"})
assert answer["predictions"] == case.labels
assert answer.get_predictions()[0].tolist() == case.labels
passed("mlflow-skinny", "params")

other = frame.rename(columns={"mean radius": "radius"})
error = str(error_of(client.invoke, other))
assert "400" in error
assert "must be one of the columns of the model" in error
passed("mlflow-skinny", "refusal")
