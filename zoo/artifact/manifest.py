"""The manifest of an artifact: what is in the folder, how it was made, and what was checked."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
MOST_LAYERS = 1000
NetworkKind = Literal["cifar", "imagenet", "nasbench201", "language", "onnx"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Network(_Part):
    """The settings of `zoo.create_model`, for the kinds of network that have them."""

    kind: NetworkKind
    channels: Count | None = None
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)] | None = None
    num_classes: Count | None = None
    in_channels: Count | None = None
    vocabulary: Count | None = None
    embedding: Count | None = None
    hidden: Count | None = None

    def settings(self) -> dict[str, int]:
        """Keyword arguments for `create_model`, less the kind."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


class Input(_Part):
    """Raw pixels (batch, height, width, channels) in `range`, or token ids and a state.

    `mean` and `std`, one per channel, normalize pixels scaled to 0..1; the exported graph does
    that inside.  `data` names the data set whose images it expects.  `unit` says what a token
    of a language model is; the tokens stand in ``vocabulary.json``, in order of their ids.

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


class Parity(_Part):
    """The largest difference of logits that a hop made, over `inputs` inputs; with `relative` of
    any output, as a share of its scale."""

    hop: str
    max_difference: float
    limit: float
    inputs: Count
    relative: bool = False


class Agreement(_Part):
    """How often the TF.js files gave the answer, the most probable class, of the float32 network.

    `share` of `images` test images of `data`; `where` they ran.  Bytes are those of the weights.
    """

    precision: Literal["float32", "float16", "uint8"]
    data: str
    images: Count
    share: Annotated[float, Field(ge=0, le=1)]
    where: str
    bytes: Count
    float32_bytes: Count


class Rewrite(_Part):
    rewrite: str
    count: Count


class Fixture(_Part):
    """Inputs and the logits that they must give; `labels` when the inputs are real images."""

    input: str
    logits: str
    count: Count
    labels: list[int] | None = None


class Tensor(_Part):
    """An input or output of a network that is no cell; a size of None is the batch, which is
    open."""

    name: str
    dtype: str
    shape: list[int | None]


class Origin(_Part):
    """The file that a network that is no cell was read from."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class File(_Part):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(_Part):
    """What ``manifest.json`` holds; the export fields are empty before `zoo build`."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    genotype: str = ""  # of a cell; others have an `origin`, and what they take and give
    paper: str = ""  # of the cell, in one line: authors: title, year, link
    source: str = ""  # of a cell of the user's own, in one line: where it comes from
    task: Literal["image-classification", "language-model-step", "tensors"] = "image-classification"
    network: Network
    input: Input
    outputs: list[str] = ["logits", "probabilities"]
    origin: Origin | None = None
    takes: list[Tensor] = []
    gives: list[Tensor] = []
    notes: list[str] = []  # what else is to be known of the conversion, a sentence each
    labels: list[str] = []
    trained: bool
    metrics: dict[str, Any] = {}
    licence: str = ""  # of the trained weights
    parameters: Annotated[int, Field(ge=0)]
    multiply_adds: Count | None = None
    opset: int | None = None
    precision: Literal["float32", "float16", "uint8"] | None = None
    converter: str | None = None  # of `export.formats.base.CONVERTERS`
    tools: dict[str, str] = {}
    rewrites: list[Rewrite] = []
    parity: list[Parity] = []
    agreement: list[Agreement] = []
    fixture: Fixture | None = None
    files: dict[str, File] = {}

    @model_validator(mode="after")
    def _goes_together(self) -> Manifest:
        if self.task == "image-classification" and not self.input.mean:
            raise ValueError("input has no mean and std, which a network of images needs")
        tasks = {"language": "language-model-step", "onnx": "tensors"}
        if self.task != tasks.get(self.network.kind, "image-classification"):
            raise ValueError(f"a network of kind {self.network.kind} is not for {self.task}")
        if self.task == "image-classification":
            low_high = self.input.range
            if None in (self.input.height, self.input.width) or low_high is None \
                    or not low_high[0] < low_high[1]:
                raise ValueError("input has no height, width or range, which images need")
            if self.network.in_channels not in (None, self.input.channels):
                raise ValueError(f"input has {self.input.channels} channels, the network "
                                 f"{self.network.in_channels}")
        if self.labels and self.network.num_classes not in (None, len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels for {self.network.num_classes} classes")
        return self


def plain_name(text: str) -> str:
    """`text` as the name of a manifest: what is not a letter, digit, '.', '_' or '-' becomes '-'.

    >>> plain_name("my cell-digits")
    'my-cell-digits'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip("._-") or "cell"
