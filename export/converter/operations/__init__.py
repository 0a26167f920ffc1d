"""One file per family of operations; each function converts one ONNX operation."""
