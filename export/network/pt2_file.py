"""Reads untrusted .pt2 files of `torch.export.save`.

`torch.export.load` trusts a file: it unpickles data that does not load as plain tensors, passes
strings to sympy, which evaluates them, and calls any torch function that a node names.  So the
content is checked before: only tensors, sizes and registered operations of PyTorch are allowed,
without those that open files.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from export.network.onnx_file import MOST_BYTES
from export.network.torch_program import ProgramError, one_line, quiet

#: Records allowed in the archive.
_RECORD = re.compile(r"archive_format|archive_version|byteorder|\.data/\w+|extra/.*"
                     r"|data/weights/(weight_\d+|model_weights_config\.json)"
                     r"|data/constants/(tensor_\d+|model_constants_config\.json)"
                     r"|data/sample_inputs/model\.pt|models/model\.json")

_TENSOR = re.compile(r"(weight|tensor)_\d+")

#: Functions that a node may call: operations of PyTorch, except those on files, and arithmetic on
#: sizes.
_TARGET = re.compile(r"torch\.ops\.(aten|prims|quantized_decomposed|higher_order)"
                     r"\.(?!(from_file|save)\b)\w+(\.\w+)?"
                     r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pos|pow|eq|ne|lt|le|gt|ge"
                     r"|and_|or_|not_|getitem)"
                     r"|math\.(ceil|floor|trunc|sqrt)"
                     r"|torch\.sym_(int|float|max|min|not|sqrt|ite|sum)")

#: Containers allowed in inputs and outputs.
_CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}

#: Symbols in a size as sympy prints it, and its other words and signs.
_SYMBOL = re.compile(r"Symbol\('[a-z]+\d+'(, (positive|negative|nonnegative|integer|real)=True)*\)")
_SIZE = re.compile(r"(?:[-\d.,() ]|(?:Add|Mul|Pow|Integer|Float|Rational|Max|Min|Mod|PythonMod"
                   r"|FloorDiv|CleanDiv|CeilDiv|CeilToInt|FloorToInt|TruncToInt|IntTrueDiv"
                   r"|FloatTrueDiv|ToFloat|PowByNatural|FloatPow|ModularIndexing|Where|Equality"
                   r"|Unequality|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|And|Or|Not"
                   r"|true|false|precision=)(?![A-Za-z_]))*")

#: Names end up in source code that torch.fx generates and runs.
_NAME = re.compile(r"\w*")
_PATH = re.compile(r"[\w.]*")
_NAMES = {"name": _NAME, "as_name": _NAME, "parameter_name": _PATH, "buffer_name": _PATH,
          "tensor_constant_name": _PATH, "fqn": _PATH}


def read(path: Path) -> ExportedProgram:
    """The program in a .pt2 file, deserialized but not run.

    Raises ProgramError for a file that is truncated, of another kind or a newer torch, larger than
    2 GB, or has anything besides tensors and operations of PyTorch.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ProgramError(f"{path} has {path.stat().st_size / 1e9:.1f} GB; at most 2 GB can be "
                           "exported, already more than a browser loads")
    content = path.read_bytes()  # once, so that the checked bytes are the loaded ones
    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(content))
        names = reader.get_all_records()
    except Exception:
        raise ProgramError(f"{path}: not a .pt2 file, or a truncated one; save it again with "
                           "torch.export.save") from None
    if "archive_format" not in names or "models/model.json" not in names:
        raise ProgramError(f"{path}: not a file of torch.export.save: it has "
                           f"{_described(names)}")
    try:
        _check(reader, names, path)
        with quiet():
            from torch.export.pt2_archive._package import load_pt2

            program = load_pt2(io.BytesIO(content)).exported_programs["model"]
            program._guards_code = []  # source code of guards, never run here
            return program
    except ProgramError:
        raise
    except Exception as error:
        raise ProgramError(f"{path}: torch {torch.__version__.partition('+')[0]} cannot read it: "
                           f"{one_line(error)}; it may be damaged or of another torch version: "
                           "save it again with torch.export.save") from None


def _described(names: list[str]) -> str:
    if "data.pkl" in names:
        return ("pickled objects, as of torch.save or torch.jit.save; load it with PyTorch and "
                "pass the module to export.export")
    if any(name.startswith("data/aotinductor/") for name in names):
        return "compiled code; save the program with torch.export.save"
    return ", ".join(names[:3]) or "nothing"


def _check(reader: Any, names: list[str], path: Path) -> None:
    """Raise ProgramError for content besides tensors and operations."""
    for name in names:
        if not _RECORD.fullmatch(name):
            raise ProgramError(f"{path}: it has {name}, which is not part of a program of "
                               "tensors; the file is not loaded")
    if len(set(names)) != len(names):
        raise ProgramError(f"{path}: it has two records of one name; the file is not loaded")
    version = reader.get_record("archive_version").decode()
    if version != "0":
        raise ProgramError(f"{path}: its format version is {version}, from a newer torch than "
                           f"{torch.__version__.partition('+')[0]}, which reads version 0")
    for kind in ("weights", "constants"):
        for name, entry in json.loads(reader.get_record(
                f"data/{kind}/model_{kind}_config.json"))["config"].items():
            if not _PATH.fullmatch(name):
                raise ProgramError(f"{path}: {name[:60]!r} is not a name of a tensor; the file is "
                                   "not loaded")
            if entry["use_pickle"] or not _TENSOR.fullmatch(entry["path_name"]):
                raise ProgramError(f"{path}: {name} is a pickled object, which might run code; "
                                   "only tensors are read")
            _check_tensor(reader, kind, name, entry, path)
    if "data/sample_inputs/model.pt" in names:
        sample = reader.get_record("data/sample_inputs/model.pt")
        try:
            if sample:
                torch.load(io.BytesIO(sample), weights_only=True)
        except Exception:
            raise ProgramError(f"{path}: its example inputs are pickled objects, which might run "
                               "code; only tensors are read") from None
    _check_program(json.loads(reader.get_record("models/model.json")), path)


def _check_tensor(reader: Any, kind: str, name: str, entry: dict[str, Any], path: Path) -> None:
    """Raise ProgramError for a tensor that exceeds its bytes: torch trusts sizes and strides."""
    meta = entry["tensor_meta"]
    sizes, strides = ([each["as_int"] for each in meta[key]] for key in ("sizes", "strides"))
    first = meta["storage_offset"]["as_int"]
    last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides))
    from torch._export.serde.serialize import deserialize_scalar_type

    element = torch.empty(0, dtype=deserialize_scalar_type(meta["dtype"])).element_size()
    stored = len(reader.get_record(f"data/{kind}/{entry['path_name']}"))
    if min([first, *sizes, *strides], default=0) < 0 or len(sizes) != len(strides) or (
            math.prod(sizes) and (last + 1) * element > stored):
        raise ProgramError(f"{path}: the tensor {name} exceeds its data; save the file again with "
                           "torch.export.save")


def _check_program(program: Any, path: Path) -> None:
    versions = program.get("schema_version") or {}
    from torch._export.serde.schema import SCHEMA_VERSION

    if versions.get("major") != SCHEMA_VERSION[0]:
        raise ProgramError(f"{path}: its program has schema {versions.get('major')}, torch "
                           f"{torch.__version__.partition('+')[0]} reads {SCHEMA_VERSION[0]}; save "
                           "it again with this torch")
    for key, value in _entries(program):
        if key == "nodes":
            for node in value:
                if not _TARGET.fullmatch(node["target"]):
                    raise ProgramError(f"{path}: a node calls {node['target'][:80]}, which is not "
                                       "an operation on tensors; the file is not loaded")
        elif key == "as_custom_obj" or key == "custom_obj_values" and value:
            raise ProgramError(f"{path}: it has objects besides tensors; the file is not loaded")
        elif key == "expr_str" and not _is_size(value):
            raise ProgramError(f"{path}: the size {str(value)[:60]!r} is not arithmetic on sizes; "
                               "the file is not loaded")
        elif key in _NAMES or key == "target" and isinstance(value, str):
            if not (value is None or isinstance(value, str) and _NAMES.get(key, _PATH).fullmatch(
                    value)):
                raise ProgramError(f"{path}: {str(value)[:60]!r} is not a name; the file is not "
                                   "loaded")
        elif key in ("in_spec", "out_spec"):
            for inner, kind in _entries(json.loads(value)):
                if inner == "type" and kind not in _CONTAINERS:
                    raise ProgramError(f"{path}: its inputs or outputs have a {kind}; only tuples, "
                                       "lists and dicts of tensors are supported")


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """All key-value pairs in nested JSON."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from _entries(each)
    elif isinstance(value, list):
        for each in value:
            yield from _entries(each)


def _is_size(text: Any) -> bool:
    return isinstance(text, str) and bool(_SIZE.fullmatch(_SYMBOL.sub("1", text)))
