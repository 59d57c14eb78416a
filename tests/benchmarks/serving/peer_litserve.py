"""The ONNX model behind LitServe."""

import sys

import litserve
import numpy as np
import onnxruntime


class API(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options)

    def decode_request(self, request):
        return np.array(request["instances"])

    def batch(self, inputs):
        return np.concatenate(inputs)

    def predict(self, X):
        return self.session.run(["probabilities"], {"X": X})[0]

    def unbatch(self, output):
        return list(output[:, None])

    def encode_response(self, output):
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = API(max_batch_size=64, batch_timeout=0.001, api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
