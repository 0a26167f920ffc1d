"""The table of formats: where each is in an artifact, its source format, how it is written and run.

To add a format, add a line to `FORMATS`; build, verify, bench, doctor and help iterate over it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.formats import shims
from export.formats.arrays import Arrays, Runner

if TYPE_CHECKING:
    import onnx

    from export.network.deploy import Deployed


@dataclass(frozen=True)
class Options:
    """Options of a writer: `metadata` is stored in the file, `precision` is that of the stored
    weights, `converter` a name of `CONVERTERS`, and `calibration` inputs by name for the ranges of
    integer quantization."""

    metadata: dict[str, Any]
    precision: str = "float32"
    converter: str = "zoo"
    calibration: Arrays | None = None


@dataclass(frozen=True)
class Format:
    """A format: `write(made, place, options)` writes it to `place` and returns the input of formats
    made from it; `made` is the value returned by the `source` format, for the first format the
    deployed network.  `load(place)` returns a `Runner`.

    `place` is relative to the artifact, `packages` are required for both functions, `precisions`
    are the supported `PRECISIONS` of stored weights.  With `converts`, one of `CONVERTERS` writes
    the format.  `title` is the display name, by default `name`; `probe` is an import check for
    `zoo doctor` if importing `packages` is not enough.

    Examples:
        >>> def write(model, place, options):
        ...     place.write_bytes(model.SerializeToString())
        >>> Format("copy", "copy.onnx", "onnx", ("onnx",), write, FORMATS["onnx"].load).title
        'copy'
    """

    name: str
    place: str
    source: str | None
    packages: tuple[str, ...]
    write: Callable[[Any, Path, Options], Any]
    load: Callable[[Path], Runner]
    precisions: tuple[str, ...] = ("float32",)
    converts: bool = False
    title: str = ""
    probe: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    def stored(self, precision: str | None) -> str:
        """The precision of its stored weights in an artifact of `precision`."""
        return precision if precision in self.precisions else "float32"


#: Precisions of stored weights.
PRECISIONS = ("float32", "float16", "uint8", "int8")

#: The precision in which networks also compute; all formats of an artifact share it.
INTEGER = "int8"


#: Converters from ONNX to TensorFlow: modules with ``write_saved_model(model, directory)``.  One
#: that needs further packages returns from ``available()`` why it cannot run, or None.
CONVERTERS = {"zoo": "export.formats.saved_model", "onnx-tf": "export.formats.onnx_tf"}


def _loader(module: str) -> Callable[[Path], Runner]:
    """The `load` of a module that is imported on the first call: these imports take seconds."""
    return lambda place: importlib.import_module(module).load(place)


def _write_onnx(made: Deployed | onnx.ModelProto, place: Path, options: Options
                ) -> onnx.ModelProto:
    from export.formats import onnx

    return onnx.write(made, place, options.metadata, options.calibration)


def _write_saved_model(model: onnx.ModelProto, place: Path, options: Options) -> Path:
    importlib.import_module(CONVERTERS[options.converter]).write_saved_model(model, place)
    return place


def _write_tflite(saved_model: Path, place: Path, options: Options) -> Path:
    from export.formats import tflite

    tflite.write(saved_model, place, options.calibration)
    return place


def _write_tfjs(saved_model: Path, place: Path, options: Options) -> Path:
    from export.formats import tfjs

    tfjs.write(saved_model, place, options.precision, options.metadata)
    return place


def _probe_tflite() -> object:
    import tensorflow as tf

    return tf.lite.TFLiteConverter, tf.lite.Interpreter  # loaded lazily


#: In the order of writing: a format comes after its source.
FORMATS: dict[str, Format] = {each.name: each for each in (
    Format("onnx", "onnx/model.onnx", None, ("onnx", "onnxruntime"), _write_onnx,
           _loader("export.formats.onnx"), ("float32", INTEGER), title="ONNX"),
    Format("savedmodel", "saved_model", "onnx", ("onnx", "tensorflow"), _write_saved_model,
           _loader("export.formats.saved_model"), converts=True, title="TensorFlow"),
    Format("tflite", "tflite/model.tflite", "savedmodel", ("tensorflow",), _write_tflite,
           _loader("export.formats.tflite"), ("float32", INTEGER), title="TFLite",
           probe=_probe_tflite),
    Format("tfjs", "tfjs", "savedmodel", ("tensorflow", "tensorflowjs"), _write_tfjs,
           _loader("export.formats.tfjs"), ("float32", "float16", "uint8"), title="TF.js",
           probe=shims.tensorflowjs_converter),
)}


def hops(names: Iterable[str]) -> list[Format]:
    """The formats to write for those of `names`, with their sources, in order.

    Examples:
        >>> [each.name for each in hops(["tfjs"])]
        ['onnx', 'savedmodel', 'tfjs']
    """
    needed: set[str] = set()
    for name in names:
        current: str | None = name
        while current:
            needed.add(current)
            current = FORMATS[current].source
    return [each for each in FORMATS.values() if each.name in needed]


def common_precision(stored: Iterable[tuple[Format, str]]) -> str | None:
    """The precision of an artifact whose formats have these stored precisions; None if no single
    precision describes them all.

    Examples:
        >>> common_precision([(FORMATS["onnx"], "float32"), (FORMATS["tfjs"], "uint8")])
        'uint8'
        >>> common_precision([(FORMATS["onnx"], "int8"), (FORMATS["tfjs"], "float32")])
    """
    stored = list(stored)
    for candidate in dict.fromkeys(precision for _, precision in stored):
        if all(each.stored(candidate) == precision for each, precision in stored) and (
                candidate != INTEGER or all(INTEGER in each.precisions for each, _ in stored)):
            return candidate
    return None


def check_precision(formats: Iterable[str], precision: str) -> None:
    """Raise ValueError if none of the formats supports the precision, or if some would stay in
    float32 next to int8 ones."""
    supported = [name for name, each in FORMATS.items() if precision in each.precisions]
    rest = [name for name in dict.fromkeys(formats) if name not in supported]
    if precision == "float32" or not rest:
        return
    if len(rest) == len(set(formats)):
        raise ValueError(f"precision {precision} is for {', '.join(supported)} weights; add "
                         f"{supported[0]} to the formats, or leave it out")
    if precision == INTEGER:
        raise ValueError(f"precision {INTEGER} is for {', '.join(supported)} weights; build "
                         f"{', '.join(rest)} without it into another folder")


def check_packages(chain: Iterable[Format], converter: str) -> None:
    """Raise MissingPackageError unless every package needed by the hops is installed."""
    for hop in chain:
        for package in hop.packages:
            shims.require(package)
        if hop.converts:
            check_converter(converter)


def check_converter(name: str) -> None:
    """Raise MissingPackageError with the reason if a converter cannot run."""
    available = getattr(importlib.import_module(CONVERTERS[name]), "available", None)
    if available and (reason := available()):
        raise shims.MissingPackageError(reason)


def installed_version(package: str) -> str:
    """The version of a package; tensorflow may be installed as its CPU build."""
    for name in (package, f"{package}-cpu"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"
