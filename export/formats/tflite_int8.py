"""An 8-bit TFLite file: TensorFlow's post-training quantization.

Weights have a scale per channel, activations one per tensor, calibrated on images.  The
normalization of pixels, the classifier and the softmax stay in float32, so inputs and outputs are
those of the float32 file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from export.formats.arrays import Arrays

if TYPE_CHECKING:
    import tensorflow as tf

#: Operations with weights.
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")


def quantized(converter: Callable[[], tf.lite.TFLiteConverter], calibration: Arrays) -> bytes:
    """The 8-bit file of `converter()`, whose batch is 1, with the ranges of its activations
    calibrated on `calibration`."""
    import tensorflow as tf

    def images() -> Iterator[Arrays]:
        for index in range(len(next(iter(calibration.values())))):
            yield {name: value[index:index + 1] for name, value in calibration.items()}

    chosen = converter()
    chosen.optimizations = [tf.lite.Optimize.DEFAULT]
    chosen.representative_dataset = images
    # Only the debugger can exclude nodes from quantization.
    tools = tf.lite.experimental
    options = tools.QuantizationDebugOptions(
        denylisted_ops=["FULLY_CONNECTED", "SOFTMAX"],
        denylisted_nodes=before_weights(converter().convert()))
    return tools.QuantizationDebugger(converter=chosen, debug_dataset=images, debug_options=options
                                      ).get_nondebug_quantized_model()


def before_weights(content: bytes) -> list[str]:
    """The names of values computed before the first weights of a float32 file."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notice that it moves to another package
        interpreter = tf.lite.Interpreter(model_content=content)
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    before = []
    for operation in interpreter._get_ops_details():
        if operation["op_name"] in _WEIGHTED:
            break
        before += [names[index] for index in operation["outputs"]]
    return before
