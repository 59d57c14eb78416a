"""KServe's client, by the Open Inference Protocol."""

import asyncio
from pathlib import Path

import kserve
import kubernetes.client
import numpy as np
import yaml
from case import assert_right, passed, read_case
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

EXAMPLES = Path(__file__).parents[2] / "examples" / "deployment"

case = read_case()
url = f"http://127.0.0.1:{case.port}"


def request_of(rows, binary):
    X = np.array(rows)
    given = InferInput("X", list(X.shape), "FP64")
    given.set_data_from_numpy(X, binary_data=binary)
    return InferRequest(model_name=case.model, infer_inputs=[given], request_id="seven")


def check_manifest(told, kind, place="manifest"):
    """Refuse keys that the resource, as KServe's package describes it, doesn't have."""
    if kind.startswith("list["):
        for item in told:
            check_manifest(item, kind[5:-1], place)
        return
    model = getattr(kserve, kind, None) or getattr(kubernetes.client, kind, None)
    if model is None or not hasattr(model, "openapi_types"):
        return
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    for key, value in told.items():
        assert key in names, f"{place} has no {key}"
        check_manifest(value, model.openapi_types[names[key]], f"{place}.{key}")


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


manifest = yaml.safe_load((EXAMPLES / "kserve.yaml").read_text())
check_manifest(manifest, "V1beta1InferenceService")
passed("kserve", "manifest")
asyncio.run(main())
