"""The ONNX model behind MLServer; run by ``mlserver start``."""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Model(MLModel):
    async def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["ONNX"], options)
        return True

    async def predict(self, payload):
        X = NumpyCodec.decode_input(payload.inputs[0])
        X = np.asarray(X, np.float64)
        p = self.session.run(["probabilities"], {"X": X})[0]
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("probabilities", p)],
        )
