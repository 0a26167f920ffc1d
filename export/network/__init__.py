"""From a network to its folded ONNX graph: exact rewrites in PyTorch and ONNX."""
