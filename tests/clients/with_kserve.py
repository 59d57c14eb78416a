"""KServe's client, by the Open Inference Protocol."""

import asyncio

import numpy as np
from case import assert_right, passed, read_case
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

case = read_case()
url = f"http://127.0.0.1:{case.port}"


def request_of(rows, binary):
    X = np.array(rows)
    given = InferInput("X", list(X.shape), "FP64")
    given.set_data_from_numpy(X, binary_data=binary)
    return InferRequest(model_name=case.model, infer_inputs=[given], request_id="seven")


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
    try:
        assert await client.is_server_live(url)
        assert await client.is_server_ready(url)
        assert await client.is_model_ready(url, case.model)
        passed("kserve", "health")
        for binary in (False, True):
            answer = await client.infer(
                url, request_of(case.rows, binary), model_name=case.model
            )
            assert answer.id == "seven"
            outputs = {output.name: output.as_numpy() for output in answer.outputs}
            labels = [str(label) for label in outputs["label"]]
            assert_right(case, outputs["probabilities"].tolist(), labels)
            passed("kserve", "binary" if binary else "JSON")
        wrong = client.infer(url, request_of([[1.0, 2.0]], False), case.model)
        (error,) = await asyncio.gather(wrong, return_exceptions=True)
        assert error.response.status_code == 400, error
        passed("kserve", "refusal")
    finally:
        await client.close()


asyncio.run(main())
