"""Any torch.nn.Module: the same outputs in every format, or a one-line error with its code."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

import export
from export.formats.base import FORMATS
from export.network.torch_program import ProgramError
from export.sources.module import from_module
from tests.export.sources.modules import MODULES, Convolutional, seeded
from zoo.artifact import folder as artifact

PIXELS = export.Input(height=16, width=16, channels=3, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4])


def example_of(name):
    torch.manual_seed(1)
    return MODULES[name][1]()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Every module as TF.js files and their source formats."""
    pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("modules")
    for name, (make, _, _) in MODULES.items():
        export.export(seeded(make), ["onnx", "savedmodel", "tfjs"], folder / name,
                      example=example_of(name))
    return folder


@pytest.mark.parametrize("name", MODULES)
def test_every_format_computes_what_pytorch_does(name, built):
    make, _, batched = MODULES[name]
    module, example = seeded(make), example_of(name)
    manifest = artifact.read_manifest(built / name)
    assert manifest.task == "tensors" and manifest.network.kind == "module"
    assert all(entry.relative and entry.max_difference <= entry.limit for entry in manifest.parity)
    assert all((each.shape[0] is None) == batched for each in manifest.takes)
    tensors = pytree.tree_leaves(example)
    if batched:  # other and more inputs than in the build
        tensors = [torch.cat([each, each.flip(-1)]) for each in tensors]
    call = pytree.tree_unflatten(tensors, pytree.tree_structure(example))
    with torch.no_grad():
        expected = [each for each in pytree.tree_leaves(
            module(**call) if isinstance(call, dict) else
            module(*call) if isinstance(call, tuple) else module(call))
            if isinstance(each, torch.Tensor)]
    inputs = {}
    for tensor, value in zip(manifest.takes, tensors):
        nhwc = [value.shape[axis] for axis in (0, 2, 3, 1)] if value.ndim == 4 else []
        image = list(tensor.shape[1:]) == nhwc[1:]
        inputs[tensor.name] = (value.permute(0, 2, 3, 1) if image else value).numpy()
    for fmt in ("onnx", "tfjs"):
        outputs = FORMATS[fmt].load(built / name / FORMATS[fmt].place)(inputs)
        for output, value in zip(manifest.outputs, expected):
            scale = max(1.0, float(value.abs().max()))
            np.testing.assert_allclose(outputs[output], value.numpy(), rtol=0, atol=1e-5 * scale)


def test_names_are_those_of_the_code(built):
    manifests = {name: artifact.read_manifest(built / name) for name in MODULES}
    takes = {name: [each.name for each in manifest.takes] for name, manifest in manifests.items()}
    gives = {name: [each.name for each in manifest.gives] for name, manifest in manifests.items()}
    assert takes["pair"] == ["left", "right"] and takes["detector"] == ["signal"]
    assert gives["pair"] == ["output_0", "output_1_0", "output_1_1_deep"]
    assert gives["detector"] == ["boxes", "scores", "best"]
    assert gives["convolutional"] == ["output"]


def test_the_module_is_left_as_it_was(tmp_path):
    module = seeded(Convolutional).half()
    calls = []
    handle = module.register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(module.state_dict())
    manifest = export.export(module, "onnx", tmp_path / "out", example=torch.rand(1, 3, 16, 16))
    assert "Numbers of float16 are computed in float32." in manifest.notes
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)
    assert handle.id in module._forward_hooks and not module.training
    assert all(value.requires_grad for value in module.parameters())


def test_random_numbers_of_the_user_go_on_as_they_would(tmp_path):
    example = torch.rand(1, 3, 16, 16)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    seeded(Convolutional)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    module = seeded(Convolutional)
    export.export(module, "onnx", tmp_path / "again", example=example)
    assert torch.equal(torch.get_rng_state(), after)
    torch.set_rng_state(state)


def test_a_classifier_of_images_takes_raw_pixels(tmp_path):
    module = seeded(Convolutional)
    manifest = export.export(module, "onnx", tmp_path / "out", input=PIXELS,
                             labels=["a", "b", "c", "d", "e"])
    assert manifest.task == "image-classification" and manifest.outputs == [
        "logits", "probabilities"]
    assert manifest.labels == ["a", "b", "c", "d", "e"] and manifest.network.num_classes == 5
    assert (tmp_path / "out/labels.txt").read_text().split() == manifest.labels
    pixels = np.random.default_rng(3).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    outputs = FORMATS["onnx"].load(tmp_path / "out/onnx/model.onnx")({"pixels": pixels})
    mean, std = torch.tensor(PIXELS.mean), torch.tensor(PIXELS.std)
    with torch.no_grad():
        expected = module(((torch.from_numpy(pixels) / 255 - mean) / std).permute(0, 3, 1, 2))
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], expected.softmax(1), rtol=1e-4, atol=1e-6)
    assert manifest.multiply_adds == 8 * 16 * 16 * 27 + 16 * 6 * 6 * 36 + 8 * 144 * 16 + 8 * 5


class Narrow(nn.Module):
    """Casts any input to float32."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x.to(torch.float32))


def test_a_module_that_does_not_run_in_float64_is_traced_in_it():
    torch.manual_seed(0)
    source = from_module(Narrow().eval(), "narrow", torch.rand(1, 4))
    assert any(note.startswith("The reference is the traced graph in float64")
               for note in source.manifest.notes)


class Sums(nn.Module):
    def forward(self, *tensors):
        return sum(tensors)


@pytest.mark.parametrize("module, example, shapes", [
    (Sums(), (torch.rand(1, 3), torch.rand(1, 3)), [[None, 3], [None, 3]]),
    (torch.compile(nn.Linear(4, 2)), torch.rand(1, 4), [[None, 4]]),
    (nn.Identity(), torch.tensor(1.5), [[]])], ids=["any number", "compiled", "a number"])
def test_modules_of_all_kinds(module, example, shapes, tmp_path):
    manifest = export.export(module.eval(), "onnx", tmp_path / "out", example=example)
    assert [each.shape for each in manifest.takes] == shapes


class Counts(nn.Module):
    """Python's len of a tensor is a number, even if its size is open."""

    def forward(self, x):
        return torch.cat([torch.zeros(len(x), 1), x], 1)


def test_a_batch_that_the_code_fixes_is_that_of_the_example():
    source = from_module(Counts().eval(), "counts", torch.rand(2, 4))
    assert [each.shape for each in source.manifest.takes] == [[2, 4]]
    assert source.manifest.notes[0].startswith("The shapes are fixed: the module")


class Branches(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        return -x


class TakesANumberOut(nn.Module):
    def forward(self, x):
        return x * x.sum().item()


class Filters(nn.Module):
    def forward(self, x):
        return x[x > 0]


class Conditional(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Fourier(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x).abs()


class GivesComplex(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x)


class GivesText(nn.Module):
    def forward(self, x):
        return {"x": x, "set": {1, 2}}


class Random(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Remembers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        return x * self.count


class Infinite(nn.Module):
    def forward(self, x):
        return x / 0


class NaNs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([float("nan")]))

    def forward(self, x):
        return x * self.weight


class Numpy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.numpy() + 1)


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(x)


def half_trained():
    module = Half().eval()
    module.drop.train()
    return module


class Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(1).expand(2**29 + 1))  # takes no memory


HERE = "test_module.py"
BAD = {
    "a branch on values": (Branches, rf"{HERE}:\d+ \(`if x.sum\(\) > 0:`\): control flow depends"),
    "a number taken out": (TakesANumberOut, rf"{HERE}:\d+ .*item.*: the code takes a number out"),
    "a size that depends on values": (Filters, rf"{HERE}:\d+ .*size depends on values"),
    "a branch of torch": (Conditional, rf"{HERE}:\d+ .*control flow, which cannot be converted"),
    "complex numbers within": (Fourier, rf"{HERE}:\d+ .*complex numbers"),
    "complex numbers": (GivesComplex, "output output is complex"),
    "not a tensor": (GivesText, "output set has type set"),
    "random numbers": (Random, "differs from call to call"),
    "a memory": (Remembers, "differs from call to call"),
    "not finite": (Infinite, "not finite for the example"),
    "weights that are not finite": (NaNs, "its weights weight are not finite"),
    "numpy": (Numpy, rf"{HERE}:\d+ \(`return torch.from_numpy"),
    "training mode": (lambda: Branches().train(), r"Branches: it is in training mode; call \.eval"),
    "a part in training mode": (half_trained, "its module drop is in training mode"),
    "another shape": (lambda: nn.Linear(3, 2),
                      r"fails on the example \(input \(1, 4\)\): mat1"),
    "more tensors": (lambda: nn.Bilinear(4, 4, 2), "fails on the example"),
    "TorchScript": (lambda: torch.jit.trace(nn.Linear(4, 2), torch.rand(1, 4)), "TorchScript"),
    "more than two gigabytes": (Large, "2.1 GB of weights; at most 2 GB can be exported"),
    "no values": (lambda: nn.Linear(4, 2, device="meta"), "on the meta device"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BAD)
def test_bad_modules_are_one_line_and_nothing_is_written(name, tmp_path):
    make, words = BAD[name]
    module = make()
    if "mode" not in name:
        module.eval()
    with pytest.raises(ProgramError, match=words) as error:
        export.export(module, "onnx", tmp_path / "out", example=torch.rand(1, 4))
    assert "\n" not in str(error.value) and list(tmp_path.iterdir()) == []


LINEAR = nn.Linear(4, 2).eval()


@pytest.mark.parametrize("arguments, words", [
    ({}, "give either example=.*or input="),
    ({"example": torch.rand(1, 4), "input": PIXELS}, "give either example="),
    ({"example": torch.rand(0, 4)}, r"input is empty, \(0, 4\)"),
    ({"example": []}, "no tensors"), ({"example": [1.5]}, "not a tensor but of type float"),
    ({"example": torch.rand(1, 4, dtype=torch.complex64)}, "complex64"),
    ({"input": export.Input(channels=3, height=16)}, "height, width and channels"),
    ({"input": export.Input(channels=3, height=16, width=16)}, "needs the mean and std"),
    ({"input": PIXELS}, "not .*16"),
    ({"example": torch.rand(1, 4), "vocabulary": ["a"]}, "a vocabulary is for")])
def test_invalid_examples_and_inputs_are_refused(arguments, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        export.export(LINEAR, "onnx", tmp_path / "out", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_function_is_refused(tmp_path):
    with pytest.raises(ProgramError, match="a function is not a torch.nn.Module"):
        export.export(lambda x: x, "onnx", tmp_path / "out", example=torch.rand(1, 4))


def test_labels_have_to_match_the_classes(tmp_path):
    with pytest.raises(ProgramError, match="2 labels for 5 classes"):
        export.export(seeded(Convolutional), "onnx", tmp_path / "out", input=PIXELS,
                      labels=["a", "b"])
    with pytest.raises(ProgramError, match="in place of input="):
        export.export(nn.Conv2d(3, 4, 1).eval(), "onnx", tmp_path / "out", input=PIXELS)
