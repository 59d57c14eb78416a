"""The ONNX model behind BentoML; run by ``bentoml serve``."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Model:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["ONNX"], options)

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, instances: list[list[float]]) -> list[list[float]]:
        X = np.array(instances)
        return self.session.run(["probabilities"], {"X": X})[0].tolist()
