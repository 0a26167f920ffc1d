"""What is exported: cells of the zoo, and custom models from ONNX files and PyTorch modules."""
