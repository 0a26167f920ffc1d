"""The deterministic weights and inputs that the golden files were computed from.

Every tensor is a pure function of its name and shape, drawn from numpy's legacy
``RandomState`` (a stream that numpy promises never to change) and rounded to float32, so a golden
file holds only outputs.  This follows the definition that came with the files.
"""

import zlib

import numpy as np
import torch


def _stream(name):
    return np.random.RandomState(zlib.crc32(name.encode()))


def tensor(name, shape):
    """The float64 tensor of `shape` that belongs to the state-dict key `name`."""
    stream, leaf, shape = _stream(name), name.rsplit(".", 1)[-1], tuple(shape)
    is_given = name.startswith(("input", "step", "alphas", "hidden"))
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == "running_mean":
        values = 0.1 * stream.standard_normal(shape)
    elif leaf == "running_var":
        values = stream.uniform(0.5, 1.5, shape)
    elif len(shape) >= 2 and not is_given:
        values = stream.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[1:]))
    elif leaf == "weight":
        values = stream.uniform(0.5, 1.5, shape)
    elif leaf == "bias":
        values = 0.1 * stream.standard_normal(shape)
    elif name.startswith("alphas"):
        values = 0.3 * stream.standard_normal(shape)
    else:
        values = stream.standard_normal(shape)
    return torch.from_numpy(np.asarray(values, np.float32).astype(np.float64))


def labels(name, shape, classes):
    """The int64 labels, or token ids, in [0, classes) that belong to `name`."""
    return torch.from_numpy(_stream(name).randint(0, classes, tuple(shape)).astype(np.int64))


def fill(model):
    """Set every value of the state dict of `model` to the tensor of its key, in place."""
    state = {key: tensor(key, value.shape) for key, value in model.state_dict().items()}
    if "decoder.weight" in state:  # tied: the decoder shares the embedding's weights
        state["decoder.weight"] = state["encoder.weight"]
    model.load_state_dict(state)
    return model
