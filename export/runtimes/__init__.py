"""What runs an artifact's files: ONNX Runtime, TensorFlow, TFLite, TF.js in Chromium and Node."""
