"""The ONNX to TensorFlow converter: values with an axis order (`value`), the table of operations
(`node`), and the graph (`graph`)."""
