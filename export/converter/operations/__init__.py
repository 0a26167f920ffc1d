"""Converters of ONNX operations, one file per family."""
