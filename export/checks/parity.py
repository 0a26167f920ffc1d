"""Numerical parity: a check that a hop does not change the outputs.

The reference is the PyTorch network in float64, before any rewrite, rounded to float32 at the end;
for an ONNX file it is ONNX Runtime on the original file.

Differences are relative to the scale of an output: its largest magnitude, or the spread of its
values if they are close together, as in an untrained network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import nn

from export.formats.arrays import Runner
from zoo.artifact.manifest import Input, OutputParity, Parity
from zoo.models.recurrent import LanguageModel
from zoo.weights.hub import WeightsError
from zoo.weights.numbers import check_output, unusable

#: The largest difference allowed in float32, as a share of an output's scale.
LIMIT = 1e-5

#: If the spread of values is below this share of the largest, the spread is the scale.
CLOSE = 0.01

#: If the network in float32 exceeds LIMIT, this many times its difference is allowed.
SLACK = 4

#: The largest share of a spread that may differ.  Within it LIMIT of the largest value counts: a
#: runtime that adds products to the bias rounds each sum to the last place of the bias, 22 units
#: of it in XNNPACK for the untrained DARTS of 20 cells, where PyTorch adds the bias last.
SPREAD = 0.1

#: A spread is used as a scale only if it is at least this many times the float32 difference.
RESOLVED = 10

#: The largest difference allowed with rounded weights, as a share of the largest value.
ROUNDED = {"float16": 0.01, "uint8": 0.2, "int8": 0.5}


class ParityError(RuntimeError):
    """A hop changed an output; the message says which and by how much."""


@dataclass(frozen=True)
class Hop:
    """One line of a build or verification report: a hop, format or runtime backend with the result
    of its parity check.  `difference` is None if nothing was compared.

    `seconds` is set by a build, `verdict` and `failed` by a verification.
    """

    name: str
    difference: float | None = None
    limit: float | None = None
    seconds: float = 0.0
    verdict: str = ""
    failed: bool = False


@dataclass
class Reference:
    """Inputs by name, and their expected float32 outputs.

    `float32` is the largest difference of each output of the network in plain float32; `scales` are
    the units of differences (see `scale_of`).  If not `batched`, the inputs cannot be split.  A
    parity check reports a share of a scale if `relative`, else a difference of `logits`.

    Examples:
        >>> expected = Reference({"x": np.eye(2)}, {"y": np.array([[3.0], [-5.0]])})
        >>> expected.scales, expected.limit("y")
        ({'y': 5.0}, 1e-05)
    """

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    real: int = 0  # number of real images, the first of the inputs
    float32: dict[str, float] = field(default_factory=dict)
    batched: bool = True
    scales: dict[str, float] = field(default_factory=dict)
    relative: bool = True

    def __post_init__(self) -> None:
        for name, value in self.outputs.items():
            self.scales.setdefault(name, scale_of(value, self.float32.get(name, 0.0),
                                                  self.batched))

    @property
    def count(self) -> int:
        return len(next(iter(self.inputs.values()))) if self.batched else 1

    def nearest(self, name: str) -> float:
        """The float32 error of an output: that of the network in float32, at least two units in the
        last place."""
        return _nearest(self.outputs[name], self.float32.get(name, 0.0))

    def limit(self, name: str, precision: str = "float32") -> float:
        """The largest difference allowed, as a share of the scale.

        In float32 1e-5 of the largest value, but at most a tenth of a spread; or four times the
        float32 error if that is more.  With rounded weights a share of the largest value.
        """
        largest, scale = largest_of(self.outputs[name]), self.scales[name]
        wanted = LIMIT if scale >= largest else min(SPREAD, LIMIT * largest / scale)
        allowed = max(wanted, SLACK * self.nearest(name) / scale)
        if precision == "float32":
            return allowed
        if name == "probabilities" and not self.relative:  # compared with the softmax of its logits
            return LIMIT / self.scales[name]
        return max(allowed, ROUNDED[precision] * largest / scale)

    def notes(self) -> list[str]:
        """Notes on limits other than 1e-5 of the largest value, a sentence each."""
        notes = []
        for name, value in self.outputs.items():
            scale, limit = self.scales[name], self.limit(name)
            near = f"float32 itself differs by {self.nearest(name) / scale:.1e} of"
            if scale < largest_of(value):
                notes.append(f"The values of {name} are close together or hardly change from input "
                             f"to input: differences are relative to their spread, {scale:.1e}; "
                             f"{near} it, and {limit:.1e} is allowed.")
            elif limit > LIMIT:
                notes.append(f"On this network {near} the largest {name}, so {limit:.1e} is "
                             f"allowed instead of {LIMIT:.0e}.")
        return notes


def _nearest(value: np.ndarray, float32: float) -> float:
    if value.dtype.kind != "f":
        return float32
    return max(float32, 2 * float(np.spacing(np.float32(largest_of(value)))))


def largest_of(value: np.ndarray) -> float:
    """The largest magnitude of a floating-point output; 1 for other types."""
    if value.dtype.kind != "f":
        return 1.0
    return max(float(np.abs(value.astype(np.float64)).max(initial=0)), 1e-30)


def scale_of(value: np.ndarray, float32: float = 0.0, batched: bool = True) -> float:
    """The scale of an output's differences: its largest magnitude, or, if below 1 % of it, the
    spread of its values or their change from input to input.

    Otherwise a network that hardly responds to its input would agree with a constant.  A spread
    that float32, with its error, cannot resolve does not count.

    >>> scale_of(np.array([[2.0, -4.0]])), scale_of(np.array([[8.0], [8.0 + 2**-10]]))
    (4.0, 0.0009765625)
    """
    largest = largest_of(value)
    if value.dtype.kind != "f" or not value.size:
        return largest
    wide = value.astype(np.float64)
    distances = [float(wide.max() - wide.min())]
    if batched and len(wide) > 1:
        distances.append(float((wide.max(axis=0) - wide.min(axis=0)).max()))
    finest = RESOLVED * _nearest(value, float32)
    return min([largest, *(each for each in distances if finest < each < CLOSE * largest)])


def in_range(images: np.ndarray, spec: Input) -> np.ndarray:
    """Pixels 0..255 as float32 values in the input range of an exported network, see `Input`."""
    low, high = _range(spec)
    pixels = np.asarray(images, np.float32)
    return pixels if (low, high) == (0, 255) else low + pixels * np.float32((high - low) / 255)


def reference(model: nn.Module, spec: Input, real: np.ndarray | None, random: int = 8) -> Reference:
    """The outputs of `model` on `real` images (N, H, W, C), 0..255, and on `random` noise images.

    Raises WeightsError for weights and NotFiniteError for outputs that are NaN or infinite.
    """
    own = model.state_dict()
    if problem := unusable(own, own):
        raise WeightsError(f"the network's {problem}; it cannot be exported, load other weights")
    generator = np.random.default_rng(0)
    model = copy.deepcopy(model).eval()
    run: Callable[..., dict[str, torch.Tensor]]
    if isinstance(model, LanguageModel):
        words, units = model.settings["vocabulary"], model.settings["hidden"]
        inputs = {"tokens": generator.integers(0, words, random).astype(np.int32),
                  "hidden": generator.uniform(-1, 1, (random, units)).astype(np.float32)}
        run = _language_step
    else:
        pixels = generator.uniform(*_range(spec), (random, *image_shape(spec))).astype(np.float32)
        if real is not None:
            pixels = np.concatenate([in_range(real, spec), pixels])
        inputs, run = {spec.name: pixels}, partial(classified, spec=spec)
    narrow = computed(run, model.float(), inputs)
    wide = computed(run, model.double(), inputs)
    return Reference(inputs, rounded(wide), 0 if real is None else len(real),
                     distances(narrow, wide), relative=False)


def computed(run: Callable[..., dict[str, torch.Tensor]], model: nn.Module,
             inputs: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The outputs of `run(model, *tensors)` in the precision of its weights."""
    weights = next((each for each in (*model.parameters(), *model.buffers())
                    if each.is_floating_point()), torch.zeros(()))
    tensors = [torch.from_numpy(value) for value in inputs.values()]
    with torch.no_grad():
        return run(model, *(each.to(weights.dtype) if each.is_floating_point() else each
                            for each in tensors))


def distances(narrow: dict[str, torch.Tensor], wide: dict[str, torch.Tensor]) -> dict[str, float]:
    """The largest difference of each output between float32 and float64."""
    largest = {}
    for name, value in wide.items():
        errors = (narrow[name].double() - value.double()).abs()
        largest[name] = float(errors.max()) if errors.numel() else 0.0
    return largest


def _language_step(model: nn.Module, tokens: torch.Tensor, hidden: torch.Tensor
                   ) -> dict[str, torch.Tensor]:
    assert isinstance(model, LanguageModel)
    log_prob, state = model(tokens[None].long(), hidden[None])
    return {"logits": model.decoder(state[0]), "probabilities": log_prob[0].exp(),
            "next_hidden": state[0]}


def classified(model: Callable[[torch.Tensor], torch.Tensor], pixels: torch.Tensor, spec: Input
               ) -> dict[str, torch.Tensor]:
    """Logits and probabilities of raw pixels (N, H, W, C) in the range of `spec`."""
    low, high = _range(spec)
    scaled = (pixels - low) / (high - low)
    normalized = (scaled - pixels.new_tensor(spec.mean)) / pixels.new_tensor(spec.std)
    logits = model(normalized.permute(0, 3, 1, 2))
    return {"logits": logits, "probabilities": logits.softmax(dim=1)}


def image_shape(spec: Input) -> tuple[int, int, int]:
    """Height, width and channels, which `Manifest` requires for images."""
    assert spec.height and spec.width and spec.channels
    return spec.height, spec.width, spec.channels


def _range(spec: Input) -> tuple[float, float]:
    assert spec.range  # `Manifest` requires it for images
    return spec.range


def rounded(values: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The outputs in float32, like those of all hops; raises NotFiniteError for NaN or infinity."""
    narrow = {name: value.float() for name, value in values.items()}
    for value in narrow.values():
        check_output(value, "the network")
    return {name: value.numpy() for name, value in narrow.items()}


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities of logits (N, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def check_parity(hop: str, run: Runner, expected: Reference,
                 precision: str = "float32") -> Parity:
    """Run a hop on the inputs of the reference, all at once and the first alone.

    With rounded weights the probabilities have to be the softmax of the hop's logits, to 1e-5.
    Raises ParityError for an output over its limit, a missing output or a NaN.
    """
    worst = dict.fromkeys(expected.outputs, 0.0)
    soft = precision != "float32" and not expected.relative
    for count in {expected.count, 1} if expected.batched else {None}:
        def first(value: np.ndarray, count: int | None = count) -> np.ndarray:
            return value if count is None else value[:count]

        outputs = run({name: first(value) for name, value in expected.inputs.items()})
        for name, value in expected.outputs.items():
            if name not in outputs:
                raise ParityError(f"{hop}: the graph has no output {name!r}")
            output, target = np.asarray(outputs[name], np.float64), first(value)
            if output.shape != target.shape:
                raise ParityError(f"{hop}: output {name!r} has shape {output.shape}, not "
                                  f"{target.shape}")
            if soft and name == "probabilities":
                target = softmax(np.asarray(outputs["logits"], np.float64))
                if not np.abs(output - target).max() <= LIMIT:
                    raise ParityError(f"{hop}: the probabilities are not the softmax of the logits")
            difference = float(np.abs(output - target).max(initial=0))
            worst[name] = max(worst[name], difference) if np.isfinite(difference) else np.inf
    for name, difference in worst.items():
        share, allowed = difference / expected.scales[name], expected.limit(name, precision)
        if not share <= allowed:
            raise ParityError(f"{hop}: {name} differs by {difference:.2g}, {share:.2g} of its "
                              f"scale {expected.scales[name]:.3g}; the limit is {allowed:.2g}")
    details = {name: OutputParity(
        max_difference=difference, scale=expected.scales[name],
        limit=expected.limit(name, precision) * expected.scales[name])
        for name, difference in worst.items()}
    if not expected.relative:
        largest, allowed = details["logits"].max_difference, details["logits"].limit
    else:
        name = max(details, key=lambda name: details[name].max_difference / details[name].limit)
        largest = details[name].max_difference / details[name].scale
        allowed = expected.limit(name, precision)
    return Parity(hop=hop, max_difference=largest, limit=allowed, inputs=expected.count,
                  relative=expected.relative, outputs=details)
