"""The files of a training or a search: run folder, lock, TensorBoard events."""
