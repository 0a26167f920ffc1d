"""ONNX to TensorFlow: values that know their order (`value`), a table of operations (`node`), and
the graph (`graph`)."""
