"""ONNX's own node tests: every case of a supported operation computes the expected outputs, or is
refused and listed here with the reason."""

import collections

import pytest

import export  # noqa: F401  (its settings are for TensorFlow, which reads them when imported)

pytest.importorskip("tensorflow")
onnx = pytest.importorskip("onnx")
from export.converter.node import UnsupportedNodeError  # noqa: E402
from export.formats.saved_model import traced  # noqa: E402
from tests.export.converter import node_cases  # noqa: E402
from tests.export.converter.graphs import model, weight  # noqa: E402

# Part of the error message, and the cases that raise it.
REFUSED = {
    "3 spatial dimensions; supported are 1 and 2": (
        "averagepool_3d_default", "averagepool_3d_dilations_small", "convtranspose_3d",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "lppool_3d_default", "maxpool_3d_default", "maxpool_3d_dilations",
        "maxpool_3d_dilations_use_ref_impl", "maxpool_3d_dilations_use_ref_impl_large"),
    "training mode; export the network in eval mode": (
        "batchnorm_example_training_mode", "batchnorm_epsilon_training_mode",
        "training_dropout", "training_dropout_default", "training_dropout_default_mask",
        "training_dropout_mask", "training_dropout_zero_ratio",
        "training_dropout_zero_ratio_mask"),
    "blockwise scales": ("dequantizelinear_blocked", "quantizelinear_blocked_asymmetric"),
    "a repeated letter in one operand": ("einsum_batch_diagonal",),
    "dilations": ("lppool_2d_dilations",),
    "a pool over integers": ("maxpool_2d_uint8",),
    "the indices of the maxima": (
        "maxpool_with_argmax_2d_precomputed_pads", "maxpool_with_argmax_2d_precomputed_strides"),
    "tf_crop_and_resize": (
        "resize_tf_crop_and_resize", "resize_tf_crop_and_resize_axes_2_3",
        "resize_tf_crop_and_resize_axes_3_2", "resize_tf_crop_and_resize_extrapolation_value"),
    "reduction": (
        "scatter_elements_with_reduction_max", "scatter_elements_with_reduction_min",
        "scatter_elements_with_reduction_mul", "scatternd_max", "scatternd_min",
        "scatternd_max_with_element_indices", "scatternd_min_with_element_indices",
        "scatternd_multiply"),
    "supported are opsets 7 to 28": ("not_2d", "not_3d", "not_4d"),
}
# Ids in an input of the graph are assumed to be non-negative, without a check.
NEGATIVE_IDS = ("test_gather_negative_indices",)


def verdict(name: str, reasons: dict[str, str], traced: bool) -> str:
    """'pass', 'refused' for the listed reason, or the fault."""
    try:
        node_cases.run(name, traced)
    except UnsupportedNodeError as error:
        reason = reasons.get(name)
        return "refused" if reason and reason in str(error) else f"{name}: {error}"
    except Exception as error:
        return f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return f"{name}: passes, though it is listed" if name in reasons else "pass"


@pytest.mark.parametrize("traced", [False, pytest.param(True, marks=pytest.mark.slow)],
                         ids=["eager", "traced"])
def test_every_case_of_a_supported_operation(traced):
    reasons = {f"test_{name}": reason for reason, names in REFUSED.items() for name in names}
    names = [name for name in node_cases.claimed() if name not in NEGATIVE_IDS]
    found = collections.Counter(verdict(name, reasons, traced) for name in names)
    passed, refused = found.pop("pass", 0), found.pop("refused", 0)
    print(f"{passed} of {len(names)} cases of {len(node_cases.all_cases())} pass, {refused} are "
          "refused")
    assert not found, "\n".join(found)
    assert passed > 780 and refused == len(reasons)


def test_an_initial_state_for_another_batch_is_refused():
    """It may not count as zeros, the default."""
    lstm = onnx.helper.make_node("LSTM", ["x", "w", "r", "", "", "h"], ["y"], "/rnn", hidden_size=4)
    weights = {"w": weight(1, 16, 5), "r": weight(1, 16, 4), "h": weight(1, 1, 4)}
    with pytest.raises(UnsupportedNodeError, match="/rnn.*an initial state for another batch"):
        traced(model([lstm], {"x": [3, "batch", 5]}, ["y"], weights))
