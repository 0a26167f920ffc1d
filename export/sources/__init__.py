"""Sources of an export: cells of the zoo, ONNX files, PyTorch modules and exported programs."""
