"""An ONNX file from another project: from `zoo build` to verified files, or a one-line error."""

import json
import re
import shutil

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper
from typer.testing import CliRunner

import export  # noqa: F401  (its settings are for TensorFlow, which reads them when imported)

pytest.importorskip("tensorflow")
from export.checks import verify  # noqa: E402
from export.formats import tfjs  # noqa: E402
from export.network.onnx_samples import outputs  # noqa: E402
from export.pipeline import build  # noqa: E402
from export.sources.find import find
from export.sources.onnx_file import from_file  # noqa: E402
from export.sources.options import BuildOptions  # noqa: E402
from tests.export.converter.graphs import classifier, model, node, weight  # noqa: E402
from web_demo.artifacts import find_artifacts  # noqa: E402
from zoo.artifact import folder as artifact  # noqa: E402
from zoo.cli import app  # noqa: E402


def saved(graph, path):
    path.write_bytes(graph.SerializeToString())
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """`zoo build net.onnx` to every format."""
    folder = tmp_path_factory.mktemp("foreign")
    saved(classifier(), folder / "net.onnx")
    result = run("build", folder / "net.onnx", "-e", "onnx,savedmodel,tflite,tfjs", "-o",
                 folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out", result.output


def test_inputs_of_one_shape_are_told_apart(tmp_path):
    graph = model([node("Sub", "B a", "c"), node("Mul", "c w", "y")],
                  {"a": ["batch", 3], "B": ["batch", 3]}, ["y"], {"w": weight(3)})
    source = from_file(saved(graph, tmp_path / "net.onnx"))
    manifest = build(source, ["onnx", "savedmodel", "tflite", "tfjs"], tmp_path / "out")
    assert [each.name for each in manifest.takes] == ["a", "B"]
    signature = json.loads((tmp_path / "out/tfjs/model.json").read_text())["signature"]
    assert sorted(signature["inputs"]) == ["B", "a"]
    assert all(row.verdict == "agrees" for row in verify.formats_of(tmp_path / "out")[1:])


def test_every_format_agrees(built):
    folder, _ = built
    manifest = artifact.read_manifest(folder)
    assert [entry.hop for entry in manifest.parity] == ["onnx", "savedmodel", "tflite", "tfjs"]
    assert all(entry.relative and entry.max_difference <= entry.limit == 1e-5
               for entry in manifest.parity)
    assert all(row.verdict == "agrees" for row in verify.formats_of(folder)[1:])
    assert run("verify", folder).exit_code == 0
    assert not list(folder.glob("*.safetensors")) and not (folder / "genotype.json").exists()


def test_the_manifest_and_the_card_list_the_inputs(built):
    folder, output = built
    manifest = artifact.read_manifest(folder)
    assert [(each.name, each.dtype, each.shape) for each in manifest.takes] == [
        ("x", "float32", [None, 8, 8, 3])]
    assert manifest.gives[0].shape == [None, 5] and manifest.origin.file == "net.onnx"
    card = (folder / "README.md").read_text()
    assert "| input | `x` | float32 | (batch, 8, 8, 3) |" in card and "## Parity" in card
    assert "x is channels last" in card and "x is channels last" in output
    assert f"zoo demo {folder}" in output


def test_a_convolutional_network_has_no_transposes(built):
    assert tfjs.describe(built[0] / "tfjs")["transposes"] == 0


def test_batch_norms_are_folded(built):
    graph = onnx.load(built[0] / "onnx/model.onnx").graph
    assert "BatchNormalization" not in {each.op_type for each in graph.node}


def test_commands_for_cells_refuse_it(built):
    for words in (("predict", built[0], "x.png"), ("build", built[0], "-e", "onnx")):
        result = run(*words)
        assert result.exit_code == 1 and "has no cell" in result.output


def test_the_page_shows_it(built):
    notes = []
    assert list(find_artifacts([built[0]], notes.append).values()) == [built[0].resolve()]
    assert not notes


def test_formats_are_added_and_another_file_is_refused(built, tmp_path):
    saved(classifier(), tmp_path / "net.onnx")
    build(from_file(tmp_path / "net.onnx"), ["onnx"], tmp_path / "out")
    build(from_file(tmp_path / "net.onnx"), ["savedmodel"], tmp_path / "out")
    assert {entry.hop for entry in artifact.read_manifest(tmp_path / "out").parity} == {
        "onnx", "savedmodel"}
    saved(classifier(size=10), tmp_path / "net.onnx")
    with pytest.raises(artifact.ArtifactError, match="holds another network"):
        build(from_file(tmp_path / "net.onnx"), ["onnx"], tmp_path / "out")


def test_an_exported_onnx_file_is_a_source(built, tmp_path):
    first = onnx.load(built[0] / "onnx/model.onnx")
    entry = first.metadata_props.add()
    entry.key, entry.value = "author", "somebody"
    onnx.save(first, tmp_path / "again.onnx")
    run("build", tmp_path / "again.onnx", "-e", "onnx", "-o", tmp_path / "out")
    before, after = ({entry.key: entry.value for entry in graph.metadata_props} for graph in (
        first, onnx.load(tmp_path / "out/onnx/model.onnx")))
    assert after["author"] == "somebody" and before.keys() == after.keys()
    assert before["zoo.name"] != after["zoo.name"] == "again"


def test_a_damaged_fixture_is_found(built, tmp_path):
    shutil.copytree(built[0], tmp_path / "copy")
    (tmp_path / "copy/fixtures/outputs.bin").write_bytes(b"")
    assert run("verify", tmp_path / "copy").exit_code == 1


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 22])
def test_opsets(opset, tmp_path):
    """Operations that opsets changed: Squeeze, Clip, Slice, Pad, sums, Softmax of three axes."""
    axes = opset < 13
    attributes = {"min": 0.1, "max": 0.7} if opset < 11 else {}
    weights = {"w": weight(4, 3, 3), "low": np.float32(0.1), "high": np.float32(0.7),
               "one": np.array([1]), "starts": np.array([1]), "ends": np.array([2**63 - 1]),
               "two": np.array([2]), "pads": np.array([0, 1, 0, 0, 0, 2])}
    nodes = [
        node("Conv", "x w", "c"),
        node("Clip", "c" if attributes else "c low high", "k", **attributes),
        node("Slice", "k", "s", starts=[1], ends=[2**31 - 1], axes=[2]) if opset < 10
        else node("Slice", "k starts ends two", "s"),
        node("Pad", "s", "p", pads=[0, 1, 0, 0, 0, 2]) if opset < 11
        else node("Pad", "s pads", "p"),
        node("Softmax", "p", "m", axis=1),
        node("ReduceSum", "m", "r", axes=[1]) if axes else node("ReduceSum", "m one", "r"),
        node("Squeeze", "r", "y", axes=[1]) if axes else node("Squeeze", "r one", "y")]
    graph = model(nodes, {"x": ["n", 3, 9]}, ["y"], weights, opset)
    source = from_file(saved(graph, tmp_path / "old.onnx"))
    manifest = build(source, ["savedmodel"], tmp_path / "out")
    assert manifest.gives[0].shape == [None, 9] or manifest.gives[0].shape[0] is None


@pytest.mark.parametrize("kind, array, words", [
    (TensorProto.FLOAT16, np.float16, "float16"), (TensorProto.DOUBLE, np.float64, "float64"),
    (TensorProto.BFLOAT16, ml_dtypes.bfloat16, "bfloat16")])
def test_other_real_numbers_are_computed_in_float32(kind, array, words, tmp_path):
    graph = model([node("Gemm", "x w", "y")], {"x": ["n", 4]}, ["y"],
                  {"w": weight(4, 3, kind=array)}, kind=kind)
    manifest = build(from_file(saved(graph, tmp_path / "half.onnx")), ["tfjs"], tmp_path / "out")
    assert f"Numbers of {words} are computed in float32." in manifest.notes
    assert manifest.takes[0].dtype == "float32"


def test_a_class_token_leaves_the_batch_open(tmp_path):
    """It is prepended to the image tokens, as in vision transformers."""
    weights = {"token": weight(1, 1, 4), "w": weight(4, 3)}
    nodes = [node("Concat", "token x", "c", axis=1), node("MatMul", "c w", "y")]
    graph = model(nodes, {"x": [1, 6, 4]}, ["y"], weights)
    source = from_file(saved(graph, tmp_path / "vit.onnx"))
    assert [each.shape for each in source.manifest.takes] == [[None, 6, 4]]
    x = weight(3, 6, 4, seed=5)
    rows = np.concatenate([np.broadcast_to(weights["token"], (3, 1, 4)), x], 1)
    np.testing.assert_allclose(outputs(source.graph, {"x": x})["y"], rows @ weights["w"],
                               rtol=1e-5, atol=1e-6)


def test_a_batch_that_cannot_be_open_is_one_and_says_why(tmp_path):
    nodes = [node("Reshape", "x flat", "f"), node("MatMul", "f m", "y")]
    weights = {"flat": np.array([2, 12]), "m": weight(12, 4)}
    graph = model(nodes, {"x": [1, 6, 4]}, ["y"], weights)
    manifest = build(from_file(saved(graph, tmp_path / "one.onnx")), ["tfjs"], tmp_path / "out")
    assert manifest.takes[0].shape == [1, 6, 4]
    assert any(note.startswith("The batch is 1: ") for note in manifest.notes)
    assert verify.formats_of(tmp_path / "out")[1].verdict == "agrees"


def test_dependent_samples_do_not_share_a_batch(tmp_path):
    nodes = [node("ReduceMean", "x", "m", axes=[0], keepdims=1), node("Sub", "x m", "y")]
    source = from_file(saved(model(nodes, {"x": ["n", 4]}, ["y"]), tmp_path / "mixed.onnx"))
    assert not source.expected.batched
    assert any("affect each other" in note for note in source.manifest.notes)


def test_a_batch_baked_into_a_reshape_is_opened(tmp_path):
    weights = {"w": weight(4, 3, 3, 3), "flat": np.array([1, 144]), "m": weight(144, 2)}
    nodes = [node("Conv", "x w", "c"), node("Reshape", "c flat", "f"), node("MatMul", "f m", "y")]
    source = from_file(saved(model(nodes, {"x": [1, 3, 8, 8]}, ["y"], weights),
                             tmp_path / "baked.onnx"))
    manifest = build(source, ["tfjs"], tmp_path / "out")
    assert manifest.takes[0].shape == [None, 8, 8, 3] and manifest.fixture.count == 4


def test_ids_names_and_several_inputs(tmp_path):
    """64-bit token ids, a mask, two outputs, and names that TensorFlow rejects."""
    weights = {"table": weight(11, 4), "w": weight(4, 2), "axis": np.array([1])}
    nodes = [node("Gather", "table ids.1", "g"),
             node("Unsqueeze", "mask minus", "m3"), node("Mul", "g m3", "masked"),
             node("ReduceSum", "masked axis", "pooled", keepdims=0),
             node("MatMul", "pooled w", "logits"), node("ArgMax", "logits", "best:0", axis=1)]
    graph = model(nodes, {"ids.1": ["n", 6], "mask": ["n", 6]}, ["logits", "best:0"],
                  weights | {"minus": np.array([-1])})
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    graph.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    manifest = build(from_file(saved(graph, tmp_path / "text.onnx")), ["tfjs", "tflite", "onnx"],
                     tmp_path / "out")
    assert [each.name for each in manifest.takes] == ["ids_1", "mask"]
    assert manifest.takes[0].dtype == "int64" and manifest.outputs == ["logits", "best_0"]
    assert all(row.verdict == "agrees" for row in verify.formats_of(tmp_path / "out")[1:])
    assert json.loads((tmp_path / "out/tfjs/model.json").read_text())["signature"]["inputs"].keys(
        ) == {"ids_1", "mask"}


def test_sizes_from_the_user(tmp_path):
    path = saved(classifier(size="side"), tmp_path / "open.onnx")
    for words in (["--input-shape", "x=1,3,12,12"], ["--size", "12"]):
        result = run("build", path, "-e", "onnx", "-o", tmp_path / "out", "--replace", *words)
        assert result.exit_code == 0, result.output
        assert artifact.read_manifest(tmp_path / "out").takes[0].shape == [None, 12, 12, 3]


def control_flow(constant):
    """An If whose condition is constant or an input."""
    branch = [helper.make_graph([node(op, "x", f"{op}_out")], op, [], [
        helper.make_tensor_value_info(f"{op}_out", TensorProto.FLOAT, None)])
        for op in ("Relu", "Neg")]
    made = helper.make_node("If", ["condition"], ["y"], "/choice", then_branch=branch[0],
                            else_branch=branch[1])
    graph = model([made], {"x": [1, 4]}, ["y"],
                  {"condition": np.array(True)} if constant else {})
    if not constant:
        graph.graph.input.append(helper.make_tensor_value_info("condition", TensorProto.BOOL, []))
    return graph


def test_control_flow_that_is_constant_is_folded(tmp_path):
    source = from_file(saved(control_flow(True), tmp_path / "if.onnx"))
    assert build(source, ["tfjs"], tmp_path / "out").parity[-1].max_difference == 0


def test_an_onnx_file_keeps_what_only_branches_read(tmp_path):
    """A weight and a value that only an If within an If reads."""
    def branch(name, *nodes):
        return helper.make_graph(nodes, name, [], [
            helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)])

    def choice(output, then, otherwise):
        return helper.make_node("If", ["positive"], [output], f"/{output}", then_branch=then,
                                else_branch=otherwise)

    inner = choice("i", branch("a", node("Mul", "r w", "m")), branch("b", node("Neg", "r", "n")))
    graph = model([node("ReduceSum", "x", "s", keepdims=0), node("Greater", "s zero", "positive"),
                   node("Relu", "x", "r"),
                   choice("y", branch("c", inner), branch("d", node("Abs", "x", "e")))],
                  {"x": [1, 4]}, ["y"], {"w": weight(4), "zero": np.float32(0)})
    source = from_file(saved(graph, tmp_path / "nested.onnx"))
    assert build(source, ["onnx"], tmp_path / "out").parity[-1].max_difference == 0


def loop(constant):
    """A loop that adds a constant or an input to itself three times."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", "go", "on"), node("Add", "before before", "after")], "body",
        [value("count", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("before", TensorProto.FLOAT, [1, 4])],
        [value("on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [1, 4])])
    made = helper.make_node("Loop", ["trips", "", "w" if constant else "x"], ["l"], "/loop",
                            body=body)
    return model([made, node("Add", "x l", "y")], {"x": [1, 4]}, ["y"],
                 {"trips": np.array(3), "w": weight(1, 4)})


def test_a_loop_over_constants_is_run_once(tmp_path):
    source = from_file(saved(loop(True), tmp_path / "loop.onnx"))
    assert [each.op_type for each in source.graph.graph.node] == ["Add"]
    x = weight(2, 4, seed=3)
    np.testing.assert_allclose(outputs(source.graph, {"x": x})["y"], x + 8 * weight(1, 4),
                               rtol=1e-6)


def cyclic():
    return model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Neg", "b", "y")],
                 {"x": [1, 4]}, ["y"])


def outside(location):
    graph = model([node("Add", "x w", "y")], {"x": [1, 4]}, ["y"], {"w": weight(4)})
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return graph


def vendor():
    graph = model([helper.make_node("Gelu", ["x"], ["y"], "/mlp/Gelu", domain="com.microsoft")],
                  {"x": [1, 4]}, ["y"])
    graph.opset_import.add(domain="com.microsoft", version=1)
    return graph


def stranger():
    graph = vendor()
    graph.graph.node[0].domain = graph.opset_import[1].domain = "my.own"
    return graph


BAD = {
    "truncated": (lambda: classifier().SerializeToString()[:500],
                  "not an ONNX file, or a truncated one"),
    "text": (lambda: b"hello", "not an ONNX file|no ONNX graph"),
    "empty": (lambda: b"", "no ONNX graph with nodes"),
    "a cycle": (cyclic, "the graph has a cycle"),
    "weights above": (lambda: outside("../secret"), "outside the folder of the file"),
    "weights anywhere": (lambda: outside("/etc/hostname"), "outside the folder of the file"),
    "weights missing": (lambda: outside("weights.bin"), "which is missing"),
    "control flow": (lambda: control_flow(False), "/choice.*If.*control flow"),
    "a loop over the input": (lambda: loop(False), "/loop.*Loop.*control flow"),
    "an undefined name": (lambda: model([node("Add", "x lost", "y")], {"x": [1, 4]}, ["y"]),
                         "a node reads 'lost', which is not defined"),
    "an unknown domain": (stranger, "/mlp/Gelu' is Gelu of my.own, an unknown operator"),
    "a vendor's operation": (vendor, "/mlp/Gelu.*com.microsoft"),
    "an opset of 2016": (lambda: model([node("Relu", "x", "y")], {"x": [1, 4]}, ["y"], opset=6),
                         "opsets 7 to"),
    "an open size": (lambda: classifier(size="side"), "--input-shape x=1,3,64,64"),
    "text in and out": (lambda: model([node("Identity", "x", "y")], {"x": [1]}, ["y"],
                                      kind=TensorProto.STRING), "holds text"),
    "no numbers": (lambda: model([node("Log", "x", "l"), node("Sqrt", "l", "y")], {"x": [1, 4]},
                                 ["y"]), "not finite"),
    "an operation without a converter": (
        lambda: model([node("Det", "x", "y")], {"x": [1, 4, 4]}, ["y"]), "/y.*Det has no conv"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_line_and_nothing_is_written(name, tmp_path):
    make, words = BAD[name]
    graph = make()
    content = graph if isinstance(graph, bytes) else graph.SerializeToString()
    (tmp_path / "bad.onnx").write_bytes(content)
    result = run("build", tmp_path / "bad.onnx", "-e", "tfjs", "-o", tmp_path / "out")
    errors = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 1 and len(errors) == 1, result.output
    assert re.search(words, errors[0]), errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.onnx"]


@pytest.mark.parametrize("options, words", [
    ({"channels": 8}, "leave --channels out"), ({"data": "digits"}, "leave --data out"),
    ({"input_shape": ("x=1,3",)}, "does not fit"), ({"input_shape": ("z=1",)}, "no input 'z'"),
    ({"input_shape": ("x",)}, "is not a shape"), ({"input_shape": ("x=a,b",)}, "is not a shape")])
def test_options_that_do_not_apply(options, words, tmp_path):
    path = saved(classifier(), tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=words):
        find(str(path), BuildOptions(**options))


def test_weights_among_the_inputs_as_in_old_files(tmp_path):
    graph = classifier(opset=9)
    graph.ir_version = 3
    graph.graph.input.extend(helper.make_tensor_value_info(init.name, init.data_type, init.dims)
                             for init in graph.graph.initializer)
    del graph.graph.node[5].attribute[0]  # ceil_mode is of opset 10
    source = from_file(saved(graph, tmp_path / "old.onnx"))
    assert [each.name for each in source.manifest.takes] == ["x"]
    assert "BatchNormalization" not in {each.op_type for each in source.graph.graph.node}


def test_an_input_used_only_for_its_shape_is_removed(tmp_path):
    nodes = [node("Shape", "like", "s"), node("ConstantOfShape", "s", "z"),
             node("Add", "x z", "y")]
    graph = model(nodes, {"x": [1, 4], "like": [1, 4]}, ["y"])
    manifest = build(from_file(saved(graph, tmp_path / "shape.onnx")), ["tfjs"], tmp_path / "out")
    assert [each.name for each in manifest.takes] == ["x"]
    assert "like is unused and removed." in manifest.notes


def test_a_batch_size_from_the_user(tmp_path):
    path = saved(classifier(), tmp_path / "net.onnx")
    manifest = build(from_file(path, ["x=4,3,8,8"]), ["tfjs"], tmp_path / "out")
    assert manifest.takes[0].shape == [4, 8, 8, 3]
    assert any(note.startswith("The shapes are fixed: ") for note in manifest.notes)


def test_more_than_two_gigabytes(tmp_path):
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(2**31 + 1)  # a sparse file takes no space
    with pytest.raises(ValueError, match="2.1 GB; at most 2 GB can be exported"):
        from_file(tmp_path / "large.onnx")


def test_more_than_two_gigabytes_in_several_files(tmp_path):
    graph = model([node("MatMul", "x w", "h"), node("MatMul", "h v", "y")], {"x": [1, 4]}, ["y"],
                  {"w": weight(4, 4), "v": weight(4, 4)})
    for tensor in graph.graph.initializer:
        external_data_helper.set_external_data(tensor, f"{tensor.name}.bin")
        tensor.ClearField("raw_data")
        with (tmp_path / f"{tensor.name}.bin").open("wb") as file:
            file.truncate(2**30 + 1)
    with pytest.raises(ValueError, match="2.1 GB of weights; at most 2 GB can be exported"):
        from_file(saved(graph, tmp_path / "large.onnx"))


def test_an_open_batch_through_a_transposed_convolution(tmp_path):
    """TensorFlow needs its output size; TF.js runs EnsureShape on an input of unknown size."""
    nodes = [node("ConvTranspose", "x w", "c", strides=[2, 2], pads=[1, 1, 1, 1],
                  output_padding=[1, 1]), node("Relu", "c", "y")]
    graph = model(nodes, {"x": ["n", 3, 5, 5]}, ["y"], {"w": weight(3, 4, 3, 3)})
    manifest = build(from_file(saved(graph, tmp_path / "up.onnx")), ["tfjs"], tmp_path / "out")
    assert manifest.takes[0].shape[0] is None and manifest.gives[0].shape == [None, 4, 10, 10]
    topology = json.loads((tmp_path / "out/tfjs/model.json").read_text())["modelTopology"]
    assert "EnsureShape" not in {each["op"] for each in topology["node"]}


def test_an_added_constant_is_not_a_bias(tmp_path):
    """Grappler mistakes the 3 of a hard swish for a bias, which TF.js accepts only as a vector."""
    nodes = [node("Conv", "x w", "c"), node("HardSwish", "c", "h"), node("Flatten", "h", "f"),
             node("MatMul", "f m", "p"), node("HardSwish", "p", "y")]
    graph = model(nodes, {"x": ["n", 3, 6, 6]}, ["y"],
                  {"w": weight(4, 3, 3, 3), "m": weight(64, 5)}, 17)
    manifest = build(from_file(saved(graph, tmp_path / "swish.onnx")), ["tfjs"], tmp_path / "out")
    assert manifest.parity[-1].max_difference < 1e-6


def test_a_missing_file_and_a_shape_for_a_cell():
    with pytest.raises(ValueError, match="file gone.onnx does not exist"):
        find("gone.onnx", BuildOptions())
    with pytest.raises(ValueError, match="leave --input-shape out"):
        find("DARTS", BuildOptions(input_shape=("x=1",)))


def test_a_linear_network_equals_numpy(tmp_path):
    """Compares with numpy instead of ONNX Runtime."""
    weights = {"w": weight(4, 3), "b": weight(3)}
    graph = model([node("Gemm", "x w b", "y")], {"x": ["n", 4]}, ["y"], weights)
    build(from_file(saved(graph, tmp_path / "linear.onnx")), ["tfjs"], tmp_path / "out")
    x = weight(2, 4, seed=9)
    y = tfjs.load(tmp_path / "out/tfjs")({"x": x})["y"]
    np.testing.assert_allclose(y, x @ weights["w"] + weights["b"], rtol=1e-5, atol=1e-6)
