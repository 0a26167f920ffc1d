"""Numerical parity: a check that a hop did not change the numbers.

The reference is the PyTorch network in float64, as it was before any rewrite, rounded to
float32 at the end; of a network without one, ONNX Runtime on the file as it was.

Differences are judged by the scale of their output: its largest value, or where the values of an
output lie close together, as those of an untrained network do, the distance between them.
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

#: The share of an output's scale that float32 arithmetic may change.
LIMIT = 1e-5

#: Values that lie closer together than this share of the largest are judged by their distance.
CLOSE = 0.01

#: Where float32 itself is further from the reference than LIMIT, so often that far is allowed.
SLACK = 8

#: Values have to lie so often as far apart as float32 is from them to be judged by their distance.
RESOLVED = 10

#: With rounded weights the numbers do change: allowed is this share of the largest value.
ROUNDED = {"float16": 0.01, "uint8": 0.2, "int8": 0.5}


class ParityError(RuntimeError):
    """A hop changed the numbers; the message says which and by how much."""


@dataclass(frozen=True)
class Hop:
    """One line of a report, of a build or of a verification: a hop, a format, or a runtime's
    backend, and what its parity check found.  `difference` is None where nothing was compared.

    `seconds` are those of a build, `verdict` and `failed` are of a verification.
    """

    name: str
    difference: float | None = None
    limit: float | None = None
    seconds: float = 0.0
    verdict: str = ""
    failed: bool = False


@dataclass
class Reference:
    """Inputs by name, and the float32 outputs that they must give.

    `float32` is how far the network in plain float32 is from them, the largest difference of each
    output; `scales` are what differences are judged by (see `scale_of`).  One that is not `batched`
    takes its inputs only as they are.  What is found is told as a share of a scale; of a network
    with `logits` and `probabilities` that is not `relative`, as a difference of logits.

    Examples:
        >>> expected = Reference({"x": np.eye(2)}, {"y": np.array([[3.0], [-5.0]])})
        >>> expected.scales, expected.limit("y")
        ({'y': 5.0}, 1e-05)
    """

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    real: int = 0  # how many of the inputs, the first ones, are real images
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
        """How near float32 comes to an output: as the network in float32 does, and no nearer than
        two units in the last place."""
        return _nearest(self.outputs[name], self.float32.get(name, 0.0))

    def limit(self, name: str, precision: str = "float32") -> float:
        """The share of the scale that an output may differ by: 1e-5, or eight times what the
        network in float32 does; with rounded weights a share of the largest value."""
        allowed = max(LIMIT, SLACK * self.nearest(name) / self.scales[name])
        if precision == "float32":
            return allowed
        if name == "probabilities" and not self.relative:  # compared with those of the logits found
            return LIMIT / self.scales[name]
        return max(allowed, ROUNDED[precision] * largest_of(self.outputs[name])
                   / self.scales[name])

    def notes(self) -> list[str]:
        """What else is to be known of the limits, a sentence each."""
        told = []
        for name, value in self.outputs.items():
            largest, scale = largest_of(value), self.scales[name]
            near, allowed = self.nearest(name) / scale, f"{self.limit(name):.1e} is allowed"
            if scale < largest:
                told.append(f"The values of {name} lie close together, or hardly change from input "
                            f"to input: differences are judged by {scale:.1e}, that distance"
                            + (f"; float32 itself is {near:.1e} of it away, so {allowed}."
                               if self.limit(name) > LIMIT else "."))
            elif self.limit(name) > LIMIT:
                told.append(f"Float32 is no nearer: the network itself in float32 is {near:.1e} of "
                            f"the largest {name} away, so {allowed} instead of {LIMIT:.0e}.")
        return told


def _nearest(value: np.ndarray, float32: float) -> float:
    if value.dtype.kind != "f":
        return float32
    return max(float32, 2 * float(np.spacing(np.float32(largest_of(value)))))


def largest_of(value: np.ndarray) -> float:
    """The largest magnitude of an output of real numbers; of others a difference is one."""
    if value.dtype.kind != "f":
        return 1.0
    return max(float(np.abs(value.astype(np.float64)).max(initial=0)), 1e-30)


def scale_of(value: np.ndarray, float32: float = 0.0, batched: bool = True) -> float:
    """What differences of an output are judged by: its largest magnitude, or the distance between
    its values, or how much it changes from input to input, where that is below 1 % of it.

    A network that hardly answers to its input would else agree with one that does nothing.  A
    distance that float32, so far away from the reference, cannot resolve is not counted.

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
    """Pixels 0..255 as the raw values, float32, that an exported network takes, see `Input`."""
    low, high = _range(spec)
    pixels = np.asarray(images, np.float32)
    return pixels if (low, high) == (0, 255) else low + pixels * np.float32((high - low) / 255)


def reference(model: nn.Module, spec: Input, real: np.ndarray | None, random: int = 8) -> Reference:
    """What `model` computes on `real` images (N, H, W, C), 0..255, and on `random` noise images.

    Raises WeightsError for weights that are NaN or infinite, NotFiniteError where the network's
    own output is: no hop is to blame for that.
    """
    own = model.state_dict()
    if problem := unusable(own, own):
        raise WeightsError(f"the network's {problem}; nothing can be exported of it, take other "
                           "weights")
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
    """How far the outputs in float32 are from those in float64, the largest difference of each."""
    found = {}
    for name, value in wide.items():
        apart = (narrow[name].double() - value.double()).abs()
        found[name] = float(apart.max()) if apart.numel() else 0.0
    return found


def _language_step(model: nn.Module, tokens: torch.Tensor, hidden: torch.Tensor
                   ) -> dict[str, torch.Tensor]:
    assert isinstance(model, LanguageModel)
    log_prob, state = model(tokens[None].long(), hidden[None])
    return {"logits": model.decoder(state[0]), "probabilities": log_prob[0].exp(),
            "next_hidden": state[0]}


def classified(model: nn.Module, pixels: torch.Tensor, spec: Input) -> dict[str, torch.Tensor]:
    """Logits and probabilities of raw pixels (N, H, W, C) in the range of `spec`."""
    low, high = _range(spec)
    scaled = (pixels - low) / (high - low)
    normalized = (scaled - pixels.new_tensor(spec.mean)) / pixels.new_tensor(spec.std)
    logits = model(normalized.permute(0, 3, 1, 2))
    return {"logits": logits, "probabilities": logits.softmax(dim=1)}


def image_shape(spec: Input) -> tuple[int, int, int]:
    """Height, width and channels, which `Manifest` demands of images."""
    assert spec.height and spec.width and spec.channels
    return spec.height, spec.width, spec.channels


def _range(spec: Input) -> tuple[float, float]:
    assert spec.range  # `Manifest` demands it of images
    return spec.range


def rounded(values: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The outputs as float32, which all hops compute in; NotFiniteError where one is not finite."""
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
    """Run a hop on the inputs of the reference, all at once and the first one alone.

    With rounded weights probabilities must be the softmax of the logits found, to 1e-5.  Raises
    ParityError over the limit of an output, for a missing output, or a NaN.
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
            found, wanted = np.asarray(outputs[name], np.float64), first(value)
            if found.shape != wanted.shape:
                raise ParityError(f"{hop}: output {name!r} has shape {found.shape}, not "
                                  f"{wanted.shape}")
            if soft and name == "probabilities":
                wanted = softmax(np.asarray(outputs["logits"], np.float64))
                if not np.abs(found - wanted).max() <= LIMIT:
                    raise ParityError(f"{hop}: the probabilities are not the logits' softmax")
            difference = float(np.abs(found - wanted).max(initial=0))
            worst[name] = max(worst[name], difference) if np.isfinite(difference) else np.inf
    for name, difference in worst.items():
        share, allowed = difference / expected.scales[name], expected.limit(name, precision)
        if not share <= allowed:
            raise ParityError(f"{hop}: changed the numbers of {name} by {difference:.2g}, "
                              f"{share:.2g} of {expected.scales[name]:.3g}; {allowed:.2g} of it "
                              "is allowed")
    details = {name: OutputParity(
        max_difference=difference, scale=expected.scales[name],
        limit=expected.limit(name, precision) * expected.scales[name])
        for name, difference in worst.items()}
    if not expected.relative:
        found, allowed = details["logits"].max_difference, details["logits"].limit
    else:
        name = max(details, key=lambda name: details[name].max_difference / details[name].limit)
        found = details[name].max_difference / details[name].scale
        allowed = expected.limit(name, precision)
    return Parity(hop=hop, max_difference=found, limit=allowed, inputs=expected.count,
                  relative=expected.relative, outputs=details)
