"""Exports: PyTorch -> ONNX -> TensorFlow -> TensorFlow.js, with parity proved at each hop."""

import os

# Read by TensorFlow when it is first imported.  Its oneDNN kernels order sums differently from
# run to run and add fusions to the graph that TF.js does not know; its logs are for failures.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
