"""An 8-bit ONNX graph: static quantization by ONNX Runtime, in QDQ format.

Weights have a scale per channel, activations one per tensor, calibrated on images.  The
normalization of pixels, the classifier and the softmax stay in float32, so inputs and outputs are
those of the float32 file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from export.formats.arrays import Arrays

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_BATCH = 20


def quantized(model: onnx.ModelProto, calibration: Arrays) -> onnx.ModelProto:
    """`model` in 8 bits, with the ranges of its activations calibrated on `calibration`.

    Activations are unsigned and weights have 7 bits: signed activations are several times slower
    on x86, and 8-bit products overflow on CPUs without VNNI, so that outputs would depend on the
    CPU.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            count = len(next(iter(calibration.values())))
            self.batches = iter([{name: value[first:first + _BATCH]
                                  for name, value in calibration.items()}
                                 for first in range(0, count, _BATCH)])

        def get_next(self) -> Arrays:
            return next(self.batches, None)  # pyright: ignore[reportReturnType]

    with TemporaryDirectory() as folder, _quiet():
        # From a file, as it modifies a graph in memory.
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantize_static(
            source, target, Images(), quant_format=QuantFormat.QDQ, per_channel=True,
            reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in in_float(model.graph)])
        return onnx.load(str(target))


def in_float(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that stay in float32: those before the first weights and those of the outputs."""
    outputs = {value.name for value in graph.output}
    raw = {value.name for value in (*graph.input, *graph.initializer)}
    kept = []
    for node in graph.node:  # topologically sorted
        if node.op_type not in _WEIGHTED and raw.issuperset(filter(None, node.input)):
            raw.update(node.output)
            kept.append(node)
        elif outputs.intersection(node.output):
            kept.append(node)
    return kept


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the advice to preprocess the graph, which is already folded."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
