"""MLflow's client of its scoring server."""

import pandas as pd
from case import assert_entries_right, passed, read_case
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

case = read_case()
client = ScoringServerClient("127.0.0.1", case.port)
client.ping()
client.wait_server_ready()
passed("mlflow-skinny", "ping")

frame = pd.DataFrame(case.rows, columns=case.columns)
assert_entries_right(case, client.invoke(frame[frame.columns[::-1]])["predictions"])
passed("mlflow-skinny", "data frame")

lists = {name: frame[name].tolist() for name in frame}
for form in ({"inputs": lists}, {"instances": frame.to_dict("records")}):
    assert_entries_right(case, client.invoke(form)["predictions"])
passed("mlflow-skinny", "inputs and instances")

answer = client.invoke(frame, params={"output": "label"})
assert answer["predictions"] == case.labels
assert answer.get_predictions()[0].tolist() == case.labels
passed("mlflow-skinny", "params")

try:
    client.invoke(frame[["mean radius"]].rename(columns={"mean radius": "radius"}))
except Exception as error:
    assert "400" in str(error)
    assert "must be one of the columns of the model" in str(error)
    passed("mlflow-skinny", "refusal")
else:
    raise AssertionError("an unknown column was taken")
