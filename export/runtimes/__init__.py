"""Runtimes of an artifact's files: ONNX Runtime, TensorFlow, TFLite, browser runtimes, Node."""
