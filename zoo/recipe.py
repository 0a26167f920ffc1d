"""The settings of a training, one frozen value for each data set, every one in sight.

CIFAR: Liu et al. 2019 (arXiv 1806.09055, appendix A.1) as in the official 2018 release.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained.  Raises ValueError for a value out of range."""

    # The network.
    network: str = "cifar"  # kind of `zoo.create_model`
    channels: int = 36
    layers: int = 20
    # SGD with momentum; the learning rate falls to 0 on a cosine, epoch by epoch.
    epochs: int = 600
    batch_size: int = 96
    learning_rate: float = 0.025
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip_norm: float = 5.0  # largest norm of the gradient
    label_smoothing: float = 0.0
    drop_path: float = 0.2  # reached in the last epoch, on a line from 0
    auxiliary_weight: float = 0.4  # of the auxiliary head's loss; 0 leaves the head out
    # Augmentation of pixels, see `zoo.augment`.
    crop_padding: int = 0  # pixels
    flip: bool = False
    cutout: int = 0  # side in pixels
    rotate: float = 0.0  # degrees
    zoom: float = 0.0  # 0.15: each side scaled by 0.85 to 1.15
    shift: float = 0.0  # pixels
    shear: float = 0.0  # columns a row
    stroke: float = 0.0  # 0.3: grey to the power 1/1.3 to 1.3
    drawings: int = 0  # drawn digits added in each epoch, see `zoo.drawn_digits`

    def __post_init__(self):
        for name in ("channels", "layers", "epochs", "batch_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, "
                                 f"not {getattr(self, name)!r}")
        if self.batch_size < 2:
            raise ValueError("batch_size must be at least 2: batch-norm needs two images")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("label_smoothing", "drop_path", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)!r}")

    def but(self, **changes) -> Recipe:
        """This recipe with the settings that are not None in `changes`."""
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **given)


CIFAR = Recipe(crop_padding=4, flip=True, cutout=16)

RECIPES = {
    # Ours, for 8x8 scans and a drawing page: minutes on one CPU core.  Label smoothing keeps
    # the logits small, which float32 parity of an export to 1e-5 needs.
    "digits": Recipe(channels=12, layers=8, epochs=60, batch_size=96, learning_rate=0.08,
                     label_smoothing=0.1, drop_path=0.1, rotate=10, zoom=0.15, shift=1,
                     shear=0.2, stroke=0.3, drawings=600),
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    # Images of one's own: the CIFAR recipe at a size that a single machine trains.
    "folder": CIFAR.but(channels=16, layers=8, epochs=100),
}
