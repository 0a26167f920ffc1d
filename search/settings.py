"""Settings of weight-sharing searches, and their presets by space and name.

`paper`: Liu et al. 2019 (arXiv 1806.09055, appendix A.1) as in the official 2018 release.
`quick`: ours, about two minutes on two CPU cores; the learning rate of the alphas is scaled by the
ratio of the numbers of steps, so that they can move as far as with `paper`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

from zoo.messages.spelling import choices
from zoo.recipes.base import Settings, check_not_negative

#: How the weights of operations become a cell: the strongest operations and edges, or those whose
#: removal costs the most accuracy (see `search.strategies.perturbation`).
SELECTIONS = ("argmax", "perturbation")


@dataclass(frozen=True)
class SupernetSettings(Settings):
    """Settings common to both spaces.  Raises ValueError for a value out of range."""

    epochs: int = 50  # passes over the training data
    warm_up: int = 0  # epochs before the alphas are trained
    order: int = 1  # of DARTS: 1, or 2 (unrolled)
    alpha_betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    alpha_weight_decay: float = 1e-3  # of the alphas
    select: str = "argmax"  # how the cell is chosen: argmax or perturbation
    tuning_epochs: int = 5  # after each choice of `select: perturbation`

    def __post_init__(self) -> None:
        positive = ("epochs", "batch_size", "channels", "layers", "hidden", "bptt",
                    "tuning_epochs")
        for name, value in dataclasses.asdict(self).items():
            if name in positive and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
            least = 0 if name == "last_learning_rate" else 1e-300
            if (name == "clip_norm" or name.endswith("learning_rate")) and not (
                    least <= value < float("inf")):
                raise ValueError(f"{name} must be above 0, not {value!r}")
            if (name.startswith("dropout") or name == "momentum") and not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1), not {value!r}")
        check_not_negative(self, "warm_up", "alpha_weight_decay")
        if not all(0 <= beta < 1 for beta in self.alpha_betas):
            raise ValueError(f"alpha_betas must be in [0, 1), not {self.alpha_betas!r}")
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order!r}")
        if self.select not in SELECTIONS:
            raise ValueError(f"unknown way to select a cell: {choices(self.select, SELECTIONS)}")


@dataclass(frozen=True)
class ConvSettings(SupernetSettings):
    """The image supernet and its training.  Raises ValueError as the base class does."""

    channels: int = 16  # of the first cell
    layers: int = 8  # number of cells
    batch_size: int = 64  # images per step
    # Weights: SGD with a cosine schedule, by epoch.
    learning_rate: float = 0.025  # initial, of the weights
    last_learning_rate: float = 0.001  # at the end of the cosine
    momentum: float = 0.9  # of SGD
    nesterov: bool = False  # Nesterov momentum
    weight_decay: float = 3e-4  # of the weights
    clip_norm: float = 5.0  # maximum gradient norm
    # Alphas: Adam.
    alpha_learning_rate: float = 3e-4  # of the alphas
    alpha_betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    train_share: float = 0.5  # fraction of the images for the weights, the rest for the alphas
    crop_padding: int = 4  # random crop after zero padding, in pixels
    flip: bool = True  # random horizontal flip
    cutout: int = 0  # side of the square, in pixels
    latency_weight: float = 0.0  # of the expected latency in ms, in the loss of the alphas

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "weight_decay", "crop_padding", "cutout", "latency_weight")
        if self.batch_size < 2:
            raise ValueError("batch_size must be at least 2: batch-norm needs two images")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if not 0 < self.train_share < 1:
            raise ValueError(f"train_share must be between 0 and 1, not {self.train_share!r}")


@dataclass(frozen=True)
class TextSettings(SupernetSettings):
    """The recurrent supernet and its training.  Raises ValueError as the base class does."""

    hidden: int = 300  # hidden size, and that of the embedding
    batch_size: int = 256  # parallel token streams that the text is cut into
    bptt: int = 35  # truncated backpropagation: time steps; random lengths around it
    # Weights: SGD at a constant rate, scaled by the length of the sequence.
    learning_rate: float = 20.0  # initial, of the weights
    momentum: float = 0.0  # of SGD
    weight_decay: float = 5e-7  # of the weights
    clip_norm: float = 0.25  # maximum gradient norm
    # Alphas: Adam.
    alpha_learning_rate: float = 3e-3  # of the alphas
    dropout: float = 0.75  # of the cell's output
    dropout_words: float = 0.0  # of whole words
    dropout_embedding: float = 0.2  # of the embedded input
    dropout_hidden: float = 0.25  # of the hidden state, one mask for all time steps
    dropout_input: float = 0.75  # of the cell's input, one mask for all time steps
    tar_weight: float = 1e-3  # temporal activation regularization
    ar_weight: float = 0.0  # activation regularization

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "weight_decay", "tar_weight", "ar_weight")

    def dropouts(self) -> dict[str, float]:
        return {name: value for name, value in vars(self).items() if name.startswith("dropout")}


CONV_PRESETS = {
    "paper": ConvSettings(),
    "quick": ConvSettings(channels=8, layers=5, epochs=16, batch_size=64, learning_rate=0.05,
                          alpha_learning_rate=2.5e-2, crop_padding=1, flip=False,
                          tuning_epochs=1),
}
#: `paper`: Dong & Yang 2020 (arXiv 2001.00326), as their release runs DARTS.
NASBENCH201_PRESETS = {
    "paper": ConvSettings(layers=15, weight_decay=5e-4, nesterov=True),
    "quick": CONV_PRESETS["quick"].but(layers=3),
}
TEXT_PRESETS = {
    "paper": TextSettings(),
    "quick": TextSettings(hidden=64, batch_size=32, epochs=8, learning_rate=10.0, dropout=0.1,
                          dropout_embedding=0.0, dropout_hidden=0.0, dropout_input=0.0,
                          alpha_learning_rate=1e-2, tuning_epochs=1),
}


Own = TypeVar("Own", bound=SupernetSettings)


def extended(base: SupernetSettings, own: type[Own]) -> Own:
    """`base` with the further settings of a strategy, at their defaults.

    `own` is a subclass of `SupernetSettings` that adds fields; the result has those of both.

    Examples:
        >>> from search.strategies.beta_darts import BetaSettings
        >>> settings = extended(CONV_PRESETS["quick"], BetaSettings)
        >>> settings.layers, settings.beta_weight
        (5, 50.0)
    """
    return _combined(own, type(base))(**dataclasses.asdict(base))


@functools.cache
def _combined(own: type[Own], base: type[SupernetSettings]) -> type[Own]:
    """A dataclass with the fields and the checks of both."""
    both = type(own.__name__, (own, base), {"__module__": own.__module__})
    return cast("type[Own]", dataclasses.dataclass(frozen=True)(both))


def check_preset(name: str, among: Iterable[str]) -> None:
    """Raise ValueError for a name that is not `among` the known presets."""
    if name not in among:
        raise ValueError(f"unknown preset {choices(name, among)}")
