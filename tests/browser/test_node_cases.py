"""ONNX's own node tests in Chromium: cases of every family of operations, as exports of their own,
agree with ONNX Runtime in TF.js on WebAssembly."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")
import onnx  # noqa: E402

from export.checks.verify import in_runtime  # noqa: E402
from export.pipeline import build  # noqa: E402
from export.sources.find import find  # noqa: E402
from export.sources.options import BuildOptions  # noqa: E402
from tests.export.converter import node_cases  # noqa: E402

CASES = (
    "basic_conv_with_padding", "convtranspose_dilations", "averagepool_2d_ceil",
    "maxpool_2d_dilations", "resize_upsample_scales_linear_align_corners",
    "layer_normalization_4d_axis1", "gelu_tanh_1", "hardswish", "mish", "prelu_broadcast",
    "reduce_l2_keep_dims_random", "gather_1", "slice_neg_steps", "constant_pad",
    "where_example", "top_k", "cumsum_1d", "einsum_batch_matmul", "triu", "depthtospace_example",
    "lstm_defaults", "gru_with_initial_bias", "simple_rnn_defaults", "dynamicquantizelinear",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_case_agrees_in_chromium(name, tmp_path, page_folder):
    graph, inputs, _ = next(node_cases.graphs(f"test_{name}"))
    assert inputs
    path = tmp_path / f"{name}.onnx"
    onnx.save(graph, path)
    build(find(str(path), BuildOptions()), ["tfjs"], tmp_path / name)
    (row,) = in_runtime(tmp_path / name, "tfjs", ["wasm"])
    assert not row.failed, row.verdict
