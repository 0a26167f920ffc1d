"""A TFLite file in integers of 8 bits: TensorFlow's quantization after training.

Weights have a scale a channel, activations one each, found on images.  The normalization of
pixels, the classifier and the softmax stay in float32, so inputs and outputs are those of the
float32 file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from export.formats.arrays import Arrays

if TYPE_CHECKING:
    import tensorflow as tf

#: What has weights.
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")


def quantized(converter: Callable[[], tf.lite.TFLiteConverter], calibration: Arrays) -> bytes:
    """The file that `converter()`, whose batch is 1, writes in 8 bits, the ranges of its values
    found on the inputs of `calibration`."""
    import tensorflow as tf

    def images() -> Iterator[Arrays]:
        for place in range(len(next(iter(calibration.values())))):
            yield {name: value[place:place + 1] for name, value in calibration.items()}

    chosen = converter()
    chosen.optimizations = [tf.lite.Optimize.DEFAULT]
    chosen.representative_dataset = images
    # The quantizer alone leaves nothing out; its debugger does.
    tools = tf.lite.experimental
    options = tools.QuantizationDebugOptions(
        denylisted_ops=["FULLY_CONNECTED", "SOFTMAX"],
        denylisted_nodes=before_weights(converter().convert()))
    return tools.QuantizationDebugger(converter=chosen, debug_dataset=images, debug_options=options
                                      ).get_nondebug_quantized_model()


def before_weights(content: bytes) -> list[str]:
    """The results of a float32 file that are computed before its first weights, by name."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces its move to another package
        interpreter = tf.lite.Interpreter(model_content=content)
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    found = []
    for operation in interpreter._get_ops_details():
        if operation["op_name"] in _WEIGHTED:
            break
        found += [names[place] for place in operation["outputs"]]
    return found
