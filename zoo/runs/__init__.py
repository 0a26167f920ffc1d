"""What a training or a search keeps on disk: its folder, its lock, TensorBoard events."""
