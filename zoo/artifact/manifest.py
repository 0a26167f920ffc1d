"""The manifest of an artifact: its files, how it was made, and how it was verified."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
MOST_LAYERS = 1000
Precision = Literal["float32", "float16", "uint8", "int8"]
NetworkKind = Literal["cifar", "imagenet", "nasbench201", "language", "onnx", "pt2", "module"]
#: Kinds of networks without a genotype: from an ONNX file, a .pt2 file or a PyTorch module.
CUSTOM = ("onnx", "pt2", "module")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Network(_Part):
    """The settings of `zoo.create_model`; None for those that the kind of network lacks."""

    kind: NetworkKind
    channels: Count | None = None
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)] | None = None
    num_classes: Count | None = None
    in_channels: Count | None = None
    vocabulary: Count | None = None
    embedding: Count | None = None
    hidden: Count | None = None

    def settings(self) -> dict[str, int]:
        """Keyword arguments for `create_model`, without the kind."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


class Input(_Part):
    """Raw pixels (batch, height, width, channels) in `range`, or token ids and a state.

    `mean` and `std`, one per channel, normalize pixels scaled to 0..1; exported graphs include the
    normalization.  `data` names the data set of the images.  `unit` is the unit of a language
    model's tokens, which are in ``vocabulary.json``, ordered by id.

    Examples:
        >>> import export
        >>> export.Input(height=8, width=8, channels=1, mean=[0.3], std=[0.4]).range
        (0, 255)
    """

    name: str = "pixels"
    height: Count | None = None
    width: Count | None = None
    channels: Count | None = None
    range: tuple[float, float] | None = (0, 255)
    mean: list[float] = []
    std: list[float] = []
    data: str | None = None
    unit: Literal["word", "char"] | None = None

    @model_validator(mode="after")
    def _normalizable(self) -> Input:
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, self.channels):
            raise ValueError(f"mean and std need one value for each of {self.channels} channels")
        if not all(0 < value < float("inf") for value in self.std):
            raise ValueError("std must be above 0")
        return self


class OutputParity(_Part):
    """The largest difference of an output that a hop made, the one allowed, and the largest value
    of the output, or the distance of its values, that these are judged by."""

    max_difference: float
    limit: float
    scale: float


class Parity(_Part):
    """The largest difference of logits after a hop, over `inputs` inputs, and of each of its
    `outputs`; with `relative`, of the output nearest to its limit, as a share of its scale."""

    hop: str
    max_difference: float
    limit: float
    inputs: Count
    relative: bool = False
    outputs: dict[str, OutputParity] = {}


class Agreement(_Part):
    """How often the files of a `format` predict the same class as the float32 network.

    `share` of `images` test images of `data`; `where` is the runtime.  `bytes` are those of the
    weights, or of the whole file if the weights are inside it.
    """

    format: str = "tfjs"
    precision: Precision
    data: str
    images: Count
    share: Annotated[float, Field(ge=0, le=1)]
    where: str
    bytes: Count
    float32_bytes: Count


class Rewrite(_Part):
    """The number of times a graph rewrite was applied."""

    rewrite: str
    count: Count


class Fixture(_Part):
    """Inputs and their expected logits; `labels` if the inputs are real images."""

    input: str
    logits: str
    count: Count
    labels: list[int] | None = None


class Tensor(_Part):
    """An input or output of a network without a cell; a size of None is the variable batch size.

    `scale` is what differences of an output are measured against; `float32` is the distance of the
    plain float32 network from the reference.
    """

    name: str
    dtype: str
    shape: list[int | None]
    scale: float | None = None
    float32: float = 0.0


class Origin(_Part):
    """The source of a network without a cell: its file, or the class of the module."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class File(_Part):
    """The checksum and size of a file."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(_Part):
    """The content of ``manifest.json``; the export fields are empty before `zoo build`."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    genotype: str = ""  # the cell; a network without one has `origin`, `takes` and `gives`
    paper: str = ""  # of the cell, in one line: authors: title, year, link
    source: str = ""  # of a custom cell, in one line
    task: Literal["image-classification", "language-model-step", "tensors"] = "image-classification"
    network: Network
    input: Input
    outputs: list[str] = ["logits", "probabilities"]
    origin: Origin | None = None
    takes: list[Tensor] = []
    gives: list[Tensor] = []
    notes: list[str] = []  # remarks on the conversion, one sentence each
    labels: list[str] = []
    trained: bool
    metrics: dict[str, Any] = {}
    licence: str = ""  # of the trained weights
    parameters: Annotated[int, Field(ge=0)]
    multiply_adds: Count | None = None
    opset: int | None = None
    precision: Precision | None = None
    converter: str | None = None  # of `export.formats.base.CONVERTERS`
    tools: dict[str, str] = {}
    rewrites: list[Rewrite] = []
    parity: list[Parity] = []
    agreement: list[Agreement] = []
    fixture: Fixture | None = None
    files: dict[str, File] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if self.task == "image-classification" and not self.input.mean:
            raise ValueError("input has no mean and std, which an image network needs")
        tasks = {"language": ("language-model-step",)} | dict.fromkeys(
            CUSTOM, ("tensors", "image-classification"))
        if self.task not in tasks.get(self.network.kind, ("image-classification",)):
            raise ValueError(f"a network of kind {self.network.kind} does not fit the task "
                             f"{self.task}")
        if self.task == "image-classification":
            low_high = self.input.range
            if None in (self.input.height, self.input.width) or low_high is None \
                    or not low_high[0] < low_high[1]:
                raise ValueError("input has no height, width or range, which an image network "
                                 "needs")
            if self.network.in_channels not in (None, self.input.channels):
                raise ValueError(f"input has {self.input.channels} channels, the network "
                                 f"{self.network.in_channels}")
        if self.labels and self.network.num_classes not in (None, len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels for {self.network.num_classes} classes")
        return self


def plain_name(text: str) -> str:
    """`text` as a manifest name: characters except letters, digits, '.', '_' and '-' become '-'.

    >>> plain_name("my cell-digits")
    'my-cell-digits'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip("._-") or "cell"
