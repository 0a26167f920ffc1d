"""A .pt2 file: exported like its module, and not trusted: nothing in it is run."""

import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import Dim
from typer.testing import CliRunner

import export
from export.network.onnx_samples import outputs
from export.network.torch_program import ProgramError
from export.sources.exported_program import from_file
from tests.export.sources.modules import Convolutional, Pair, seeded
from zoo.artifact import folder as artifact
from zoo.cli import app


def saved(module, args, path, axes=None):
    program = torch.export.export(module, args, dynamic_shapes=axes)
    torch.export.save(program, path)
    return path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory):
    """A program whose batch, height and width are open."""
    axes = {"images": {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}}
    return saved(seeded(Convolutional), (torch.rand(2, 3, 16, 16),),
                 tmp_path_factory.mktemp("pt2") / "net.pt2", axes)


def test_zoo_build_takes_it(convolutional, tmp_path):
    pytest.importorskip("tensorflow")
    result = run("build", convolutional, "-e", "tfjs,onnx", "-o", tmp_path / "out",
                 "--input-shape", "images=1,3,12,20")
    assert result.exit_code == 0, result.output
    manifest = artifact.read_manifest(tmp_path / "out")
    assert manifest.takes[0].shape == [None, 12, 20, 3] and manifest.network.kind == "pt2"
    assert [entry.hop for entry in manifest.parity] == ["onnx", "savedmodel", "tfjs"]
    assert manifest.origin.file == "net.pt2" and run("verify", tmp_path / "out").exit_code == 0


def test_it_computes_what_the_module_does(tmp_path):
    module = seeded(Pair)
    left, right = torch.rand(3, 4), torch.rand(3, 6)
    axes = {"left": {0: Dim.AUTO}, "right": {0: Dim.AUTO}}
    path = saved(module, (left, right), tmp_path / "pair.pt2", axes)
    source = from_file(path)
    exported = outputs(source.graph, {"left": left.numpy(), "right": right.numpy()})
    first, (total, deep), _ = module(left, right)
    for value, name in ((first, "output_0"), (total, "output_1_0"),
                        (deep["deep"], "output_1_1_deep")):
        torch.testing.assert_close(torch.from_numpy(exported[name]), value.detach())


def test_an_exported_program_needs_no_file(tmp_path):
    program = torch.export.export(nn.Linear(4, 2).eval(), (torch.rand(1, 4),))
    manifest = export.export(program, "onnx", tmp_path / "out")
    assert manifest.takes[0].shape[-1] == 4 and manifest.network.kind == "pt2"
    with pytest.raises(ValueError, match="an exported program has its own inputs"):
        export.export(program, "onnx", tmp_path / "other", example=torch.rand(1, 4))


class Casts(nn.Module):
    """A network in `kind` that names this type."""

    def __init__(self, kind):
        super().__init__()
        self.linear, self.kind = nn.Linear(4, 3).to(kind), kind

    def forward(self, x):
        return {"y": self.linear(x) + torch.ones(3, dtype=self.kind), "z": x.float().to(self.kind)}


@pytest.mark.parametrize("axes", [None, {"x": {0: Dim.AUTO}}], ids=["fixed", "open"])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_computed_in_float32(kind, axes, tmp_path):
    torch.manual_seed(0)
    module, x = Casts(kind).eval(), torch.rand(2, 4)
    source = from_file(saved(module, (x.to(kind),), tmp_path / "net.pt2", axes))
    assert {each.dtype for each in (*source.manifest.takes, *source.manifest.gives)} == {"float32"}
    assert source.manifest.takes[0].shape == [None if axes else 2, 4]
    name = str(kind).removeprefix("torch.")
    assert f"Numbers of {name} are computed in float32." in source.manifest.notes
    assert source.expected.limit("y") == source.expected.limit("z") == 1e-5
    exported = outputs(source.graph, {"x": x.numpy()})
    wide = module.double().linear(x.double())
    torch.testing.assert_close(torch.from_numpy(exported["y"]), (wide + 1).float().detach())
    torch.testing.assert_close(torch.from_numpy(exported["z"]), x)


def test_a_size_that_does_not_fit(convolutional):
    with pytest.raises(ProgramError, match="has shape .*,3,.*, which 1,4,8,8 does not fit"):
        from_file(convolutional, ["images=1,4,8,8"])
    with pytest.raises(ProgramError, match="has no input 'x'; its inputs are images"):
        from_file(convolutional, ["x=1,3,8,8"])


def rewritten(source, target, changes):
    """The archive with records changed, by the end of their names; None removes a record, unknown
    names are added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        root = names[0].split("/")[0]
        for name in names:
            ending = name.removeprefix(f"{root}/")
            content = old.read(name)
            if ending in changes:
                change = changes[ending]
                content = change(content) if callable(change) else change
            new.writestr(name, content)
        for ending, content in changes.items():
            if f"{root}/{ending}" not in names:
                new.writestr(f"{root}/{ending}", content)
    return target


MARK = "the file ran code"


class Runs:
    """A pickle that creates a file when loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def pickled(mark):
    content = io.BytesIO()
    torch.save({"x": Runs(mark)}, content)
    return content.getvalue()


def in_json(change):
    def changed(content):
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    return changed


def graph_of(program):
    return program["graph_module"]["graph"]


def call(target):
    return in_json(lambda program: graph_of(program)["nodes"][0].update(target=target))


def size(text):
    def change(program):
        value = next(iter(graph_of(program)["tensor_values"].values()))
        value["sizes"][0] = {"as_expr": {"expr_str": text, "hint": {"as_int": 2}}}

    return in_json(change)


def named(name):
    return in_json(lambda program: graph_of(program)["inputs"][0]["as_tensor"].update(name=name))


def structure(kind):
    def change(program):
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["in_spec"] = signature["in_spec"].replace("builtins.dict", kind)

    return in_json(change)


def entry(**changes):
    def change(config):
        next(iter(config["config"].values())).update(changes)

    return in_json(change)


def strides(config):
    next(iter(config["config"].values()))["tensor_meta"]["strides"][0] = {"as_int": 10**6}


PROGRAM, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"
EVIL = "__import__('pathlib').Path({mark!r}).touch()"
HOSTILE = {
    "pickled example inputs": (lambda mark: {"data/sample_inputs/model.pt": pickled(mark)},
                               "its example inputs are pickled objects"),
    "pickled weights": (lambda mark: {WEIGHTS: entry(use_pickle=True),
                                      "data/weights/weight_0": pickled(mark)},
                        "is a pickled object"),
    "pickled weights of an old format": (lambda mark: {"data/weights/model.pt": pickled(mark)},
                               "it has data/weights/model.pt"),
    "an opaque constant": (lambda mark: {"data/constants/opaque_obj_0": pickle.dumps(Runs(mark))},
                           "it has data/constants/opaque_obj_0"),
    "compiled code": (lambda _: {"data/aotinductor/model/x.so": b"ELF"},
                      "it has data/aotinductor"),
    "a function that is not an operation": (lambda _: {PROGRAM: call("torch.os.system")},
                                        "a node calls torch.os.system"),
    "an unknown operation": (lambda _: {PROGRAM: call("#registry:x")},
                               "a node calls #registry:x"),
    "an operation that opens a file": (
        lambda _: {PROGRAM: call("torch.ops.aten.from_file.default")},
        "a node calls torch.ops.aten.from_file"),
    "a size that is code": (lambda mark: {PROGRAM: size(EVIL.format(mark=str(mark)))},
                            "is not arithmetic on sizes"),
    "a size that is code in a symbol": (
        lambda mark: {PROGRAM: size(f"Symbol('s0', integer={EVIL.format(mark=str(mark))})")},
        "is not arithmetic on sizes"),
    "a name that is code": (lambda _: {PROGRAM: named("x=print(1)")}, "'x=print.1.' is not a name"),
    "another container": (lambda _: {PROGRAM: structure("collections.defaultdict")},
                               "inputs or outputs have a collections.defaultdict"),
    "a tensor beyond its bytes": (lambda _: {WEIGHTS: in_json(strides)},
                                  "exceeds its data"),
    "a newer format": (lambda _: {"archive_version": b"7"}, "from a newer torch"),
    "a newer schema": (lambda _: {PROGRAM: in_json(
        lambda program: program["schema_version"].update(major=99))}, "has schema 99"),
    "invalid JSON": (lambda _: {PROGRAM: b"{"}, "cannot read it"),
    "no weights": (lambda _: {WEIGHTS: b"{}"}, "cannot read it"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_and_run_nothing(name, convolutional, tmp_path):
    make, words = HOSTILE[name]
    mark = tmp_path / MARK
    path = rewritten(convolutional, tmp_path / "bad.pt2", make(mark))
    with pytest.raises(ProgramError, match=words) as error:
        from_file(path)
    assert "\n" not in str(error.value) and not mark.exists()


def test_no_operation_on_files_is_called(convolutional, tmp_path):
    """All operations of PyTorch that take the name of a file."""
    operations = [schema.name.replace("::", ".") for schema in torch._C._jit_get_all_schemas()
                  if any("file" in argument.name for argument in schema.arguments)
                  and schema.name.startswith("aten::")]
    assert "aten.from_file" in operations
    for operation in operations:
        path = rewritten(convolutional, tmp_path / "bad.pt2",
                         {PROGRAM: call(f"torch.ops.{operation}.default")})
        with pytest.raises(ProgramError, match=f"a node calls torch.ops.{operation}"):
            from_file(path)


def test_the_rewritten_archive_alone_is_read(convolutional, tmp_path):
    """The tests above fail because of their changes only."""
    assert from_file(rewritten(convolutional, tmp_path / "same.pt2", {})).graph.graph.node


def scripted(path):
    torch.jit.save(torch.jit.trace(nn.Linear(4, 2), torch.rand(1, 4)), path)


def truncated(path):
    path.write_bytes(path.with_name("net.pt2").read_bytes()[:1000])


OTHERS = {
    "truncated": (truncated, "not a .pt2 file, or a truncated one"),
    "text": (lambda path: path.write_text("hello"), "not a .pt2 file"),
    "empty": (lambda path: path.write_bytes(b""), "not a .pt2 file"),
    "a checkpoint": (lambda path: torch.save({"a": torch.zeros(1)}, path), "pickled objects"),
    "TorchScript": (scripted, "pickled objects"),
    "a zip file": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"),
                   "not a .*file"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_one_line_and_nothing_is_written(name, convolutional, tmp_path):
    make, words = OTHERS[name]
    (tmp_path / "net.pt2").write_bytes(convolutional.read_bytes())
    make(tmp_path / "bad.pt2")
    (tmp_path / "net.pt2").unlink()
    result = run("build", tmp_path / "bad.pt2", "-e", "onnx", "-o", tmp_path / "out")
    errors = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 1 and len(errors) == 1, result.output
    assert re.search(words, errors[0]), errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pt2"]


def test_more_than_two_gigabytes(tmp_path):
    with (tmp_path / "large.pt2").open("wb") as file:
        file.truncate(2**31 + 1)  # a sparse file takes no space
    with pytest.raises(ProgramError, match="2.1 GB; at most 2 GB can be exported"):
        from_file(tmp_path / "large.pt2")
