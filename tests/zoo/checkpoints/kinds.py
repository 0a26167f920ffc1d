"""Kinds of weight files from other programs: those that hold the network of `network()`, and those
that hold none, with part of the error message."""

import argparse
import collections
import datetime
import decimal
import gzip
import io
import json
import pathlib
import pickle
import random
import tarfile
import types
import uuid
import warnings
import zipfile
from functools import cache

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes

from zoo.create import create_model

SIZES = {"channels": 4, "layers": 3, "num_classes": 10, "in_channels": 1}


@cache
def network():
    """A network of DARTS_V2, with an auxiliary head."""
    torch.manual_seed(0)
    return create_model("DARTS_V2", auxiliary=True, **SIZES).eval()


def state():
    return dict(network().state_dict())


def saved(content, **how) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **how)
    return file.getvalue()


def prefixed(prefix, tensors=None):
    return {f"{prefix}{name}": value for name, value in (tensors or state()).items()}


def shadow():
    """Averaged weights, which differ from those of `state`."""
    return {name: value + 1 for name, value in state().items()}


def thop():
    """The counters that the thop profiler leaves in every module."""
    return {f"{name}{'.' * bool(name)}{counter}": torch.zeros(1, dtype=torch.float64)
            for name, _ in network().named_modules() for counter in ("total_ops", "total_params")}


def inside():
    """Modules wrapped one by one, by torch.compile and activation checkpointing."""
    return {name.replace("cells.1.", "cells.1._orig_mod.").replace(
        "cells.2.", "cells.2._checkpoint_wrapped_module."): value
        for name, value in state().items()}


HARMLESS = {
    "NumPy scalar": np.float64(75.1), "NumPy float32": np.float32(1), "NumPy bool": np.bool_(True),
    "NumPy array": np.arange(6).reshape(2, 3), "NumPy text": np.array(["a", "b"]),
    "NumPy dtype": np.dtype("int64"), "type of NumPy": np.float32,
    "state of a generator": np.random.RandomState(0).get_state(),
    "generator": np.random.default_rng(0), "old generator": np.random.RandomState(0),
    "state of random": random.getstate(), "state of torch": torch.get_rng_state(),
    "Namespace": argparse.Namespace(lr=0.1, arch="DARTS", save=pathlib.Path("a")),
    "SimpleNamespace": types.SimpleNamespace(lr=0.1), "OrderedDict": collections.OrderedDict(a=1),
    "Counter": collections.Counter("aab"), "deque": collections.deque([1, 2], maxlen=3),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "path": pathlib.PurePosixPath("a/b"), "Windows path": pathlib.PureWindowsPath("a/b"),
    "path of here": pathlib.Path("a"), "Size": torch.Size([1, 2]), "dtype": torch.bfloat16,
    "device": torch.device("cpu"), "set": {1, 2}, "frozenset": frozenset({1}),
    "datetime": datetime.datetime.now(datetime.timezone.utc), "date": datetime.date.today(),
    "time": datetime.timedelta(hours=1), "slice": slice(1, 2), "range": range(3),
    "complex": 1j, "bytes": b"ab", "bytearray": bytearray(b"ab"),
    "Decimal": decimal.Decimal("0.1"), "UUID": uuid.uuid4(), "type": dict, "None": None,
    "large number": 10 ** 30, "Parameter": torch.nn.Parameter(torch.zeros(2)),
}

HOLDING = {  # each holds the network
    "state dict": lambda: saved(network().state_dict()),
    "old format": lambda: saved(state(), _use_new_zipfile_serialization=False),
    "safetensors": lambda: safetensors_bytes(state()),
    "safetensors of half precision": lambda: safetensors_bytes(
        {name: value.half() if value.ndim > 1 else value for name, value in state().items()}),
    "safetensors with a prefix": lambda: safetensors_bytes(prefixed("model.")),
    "model": lambda: saved({"model": state(), "epoch": 3}),
    "tuple": lambda: saved((3, state())),
    "model_state_dict": lambda: saved({"model_state_dict": state(), "epoch": 3}),
    "deeper": lambda: saved({"a": {"b": [{"net": {"state": prefixed("network.")}}]}}),
    "optimizer beside it": lambda: saved(
        {"optimizer": {"state": {0: {"momentum_buffer": torch.zeros(3)}}}, "state_dict": state()}),
    "module": lambda: saved(prefixed("module.")),
    "module twice": lambda: saved(prefixed("module.module.")),
    "compiled": lambda: saved(prefixed("_orig_mod.")),
    "compiled, of several GPUs": lambda: saved(prefixed("_orig_mod.module.")),
    "Lightning": lambda: saved({"state_dict": prefixed("model."), "hyper_parameters": {"lr": 1},
                                "pytorch-lightning_version": "2.0", "loops": {}}),
    "net": lambda: saved({"net": prefixed("net.module."), "acc": 90.0}),
    "a name of one's own": lambda: saved(prefixed("student.backbone.")),
    "compiled inside": lambda: saved(inside()),
    "criterion beside it": lambda: saved(
        {"state_dict": prefixed("model.") | {"criterion.weight": torch.ones(10)}}),
    "counters of thop": lambda: saved(state() | thop()),
    "alphas": lambda: saved(state() | {"alphas_normal": torch.zeros(14, 8),
                                       "alphas_reduce": torch.zeros(14, 8)}),
    "without counters of batches": lambda: saved(
        {name: value for name, value in state().items() if "num_batches" not in name}),
    "double precision": lambda: saved(
        {name: value.double() if value.is_floating_point() else value
         for name, value in state().items()}),
    "parameters": lambda: saved(
        {name: torch.nn.Parameter(value, requires_grad=value.is_floating_point())
         for name, value in state().items()}),
    "harmless values beside it": lambda: saved({"state_dict": state(), **HARMLESS}),
}


class OfTheAuthor:
    """A class that exists only in the author's code."""


class Malicious:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path="trap"):
        self.path = path

    def __reduce__(self):
        return pathlib.os.mkdir, (str(self.path),)


def quantized() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in torch, but such files remain
        weight = torch.quantize_per_tensor(state()["stem.0.weight"], 0.1, 0, torch.qint8)
        return saved(state() | {"stem.0.weight": weight})


def zipped(**files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def tarred(**files) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return content.getvalue()


def scripted() -> bytes:
    content = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), content)
    return content.getvalue()


def arrays() -> bytes:
    content = io.BytesIO()
    np.savez(content, a=np.zeros(2))
    return content.getvalue()


_PAGE = "<!DOCTYPE html>\n<html><head><title>Google Drive -\n Quota exceeded</title></head></html>"
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"

HOLDING_NONE = {  # -> content, part of the message
    "empty": (lambda: b"", "is empty (0 bytes)"),
    "page": (lambda: _PAGE.encode(), "is a web page (HTML) ('Google Drive - Quota exceeded')"),
    "page without a type": (lambda: b"\n <HTML>quota exceeded</HTML>",
                            "is a web page (HTML) instead"),
    "XML page": (lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
                 "is an XML page"),
    "git-lfs": (lambda: _POINTER.encode(),
                "is a git-lfs pointer to the file of 12,345 bytes, not the file itself; run "
                "`git lfs pull`"),
    "zip": (lambda: zipped(**{"run/best.pth": "x"}),
            "is a zip file, not one of torch.save; unpack it and give the checkpoint in it, such "
            "as 'run/best.pth'"),
    "empty zip": (lambda: zipped(), "is a zip file, not one of torch.save"),
    "cut zip": (lambda: zipped(a="x" * 100)[:90], "is a damaged or truncated zip file"),
    "NumPy archive": (arrays, "is a NumPy archive (.npz)"),
    "TorchScript": (scripted, "is a TorchScript archive, which holds code"),
    "tar": (lambda: tarred(**{"best.pth.tar": b"x"}),
            "is a tar archive; unpack it and give the checkpoint in it, such as 'best.pth.tar'"),
    "tar of torch 0.1": (lambda: tarred(storages=b"", tensors=b"", pickle=b""),
                         "is in the format of torch before 0.2"),
    "gzip": (lambda: gzip.compress(saved(state())), "is packed with gzip; unpack it (gunzip"),
    "bzip2": (lambda: b"BZh91AY", "is packed with bzip2"),
    "pickle": (lambda: pickle.dumps(state()), "is a pickle that torch.save did not write"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(50), "is an HDF5 file"),
    "NumPy array": (lambda: b"\x93NUMPY\x01\x00" + bytes(50), "is a NumPy array"),
    "TFLite": (lambda: b"\x1c\0\0\0TFL3" + bytes(50), "is a TFLite file"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture (PNG)"),
    "ONNX": (lambda: b"\x08\x08\x12\x07pytorch\x1a\x053.0.1" + bytes(50), "is an ONNX file"),
    "zeros": (lambda: bytes(5000), "holds nothing but zeros"),
    "JSON": (lambda: b'{"epoch": 3}', "is JSON, not weights; give a state dict"),
    "index": (lambda: json.dumps({"weight_map": {"a": "b"}}).encode(),
              "is JSON, not weights (the index of weights in several files)"),
    "genotype": (lambda: f"geno = {network().genotype}".encode(),
                 "is a text with a genotype, not weights; give it as --cell"),
    "text": (lambda: b"a letter to\na friend", "is a text ('a letter to a friend')"),
    "UTF-16": (lambda: "a letter".encode("utf-16"), "is a text ('a letter')"),
    "bytes": (lambda: bytes(range(200, 256)), "starts with the bytes c8 c9 ca cb cc cd ce cf"),
    "cut": (lambda: saved(state())[:5000], "is damaged: torch cannot read it"),
    "cut, of the old format": (
        lambda: saved(state(), _use_new_zipfile_serialization=False)[:-100],
        "is damaged: torch cannot read it"),
    "cut safetensors": (lambda: safetensors_bytes(state())[:-1], "is not a complete safetensors"),
    "whole module": (lambda: saved(network()), "holds more than tensors and plain values (zoo."),
    "module in a dict": (lambda: saved({"net": network(), "acc": 1.0}),
                         "holds more than tensors and plain values (zoo."),
    "class of the author's": (lambda: saved({"state_dict": state(), "args": OfTheAuthor()}),
                              "(tests.zoo.checkpoints.kinds.OfTheAuthor), which could run any"),
    "function": (lambda: saved({"state_dict": state(), "act": torch.relu}), "could run any code"),
    "malicious": (lambda: saved({"stem.0.weight": Malicious()}), "could run any code"),
    "malicious, of the old format": (
        lambda: saved(Malicious(), _use_new_zipfile_serialization=False), "could run any code"),
    "protocol 4": (lambda: saved(state(), pickle_protocol=4), "a pickle_protocol above 2"),
    "nothing": (lambda: saved({}), "holds an empty dict and no state dict"),
    "number": (lambda: saved(3), "holds a value of type int"),
    "tensor": (lambda: saved(torch.zeros(3)), "holds a single tensor"),
    "settings": (lambda: saved({"epoch": 3, "args": {"lr": 1}}),
                 "holds a dict of 'epoch', 'args' and no state dict"),
    "another network": (lambda: saved({"conv1.weight": torch.zeros(2, 3, 3, 3),
                                       "fc.bias": torch.zeros(4)}),
                        "is not a network of the 2018 release: it has none of stem.0.weight, "
                        "stem0.0.weight, rnns.0._W0, lastact.0.weight; its first tensor "
                        "is conv1.weight"),
    "supernet": (lambda: saved(state() | {
        "cells.0._ops.0._ops.3.op.1.weight": torch.zeros(4, 1, 3, 3)}),
        "is the supernet of a search (it has cells.0._ops.0._ops.3.op.1.weight)"),
    "another cell": (lambda: saved(create_model("PDARTS", **SIZES).state_dict()),
                     "does not fit the network: cells."),
    "recurrent cell": (lambda: saved(create_model(
        "DARTS_V2_RNN", "language", vocabulary=7, embedding=6, hidden=6).state_dict()),
        "does not fit the network: it has a recurrent cell, the network a conv one; its "
        "shapes are those of "),
    "a tensor more": (lambda: saved(state() | {"extra": torch.zeros(2)}),
                      "extra, of shape (2,), is not part of the network"),
    "a tensor less": (
        lambda: saved({name: value for name, value in state().items()
                       if name != "cells.2.preprocess1.op.1.weight"}),
        "cells.2.preprocess1.op.1.weight is missing, which has shape (16, 32, 1, 1) in the "
        "network; no registered cell has its shapes (cifar network, channels 4, layers 3, "
        "num_classes 10, in_channels 1); the closest is DARTS_V2"),
    "arrays": (lambda: saved({name: value.numpy() for name, value in state().items()}),
               "holds a dict of 'stem.0.weight', 'stem.1.weight', 'stem.1.bias', "
               "'stem.1.running_mean' and 132 more, NumPy arrays and no state dict"),
    "no classifier": (lambda: saved({name: value for name, value in state().items()
                                     if name != "classifier.weight"}),
                      "classifier.weight is missing"),
    "whole numbers": (lambda: saved(state() | {
        "stem.0.weight": torch.zeros(12, 1, 3, 3, dtype=torch.int8)}),
        "stem.0.weight has dtype torch.int8, in the network torch.float32"),
    "quantized": (quantized, "is quantized or sparse"),
    "sparse": (lambda: saved(state() | {"stem.0.weight": state()["stem.0.weight"].to_sparse()}),
               "is quantized or sparse"),
    "without values": (lambda: saved({name: value.to("meta") for name, value in state().items()}),
                       "has no values (device meta)"),
    "NaN": (lambda: saved(state() | {"classifier.bias": torch.full((10,), float("nan"))}),
            "classifier.bias has 10 NaN among its 10 values"),
}
