"""Exports: PyTorch -> ONNX -> TensorFlow -> TensorFlow.js, with parity proved at each hop."""
