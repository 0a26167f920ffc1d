"""The settings of an image training, with presets for each data set.

`paper`: Liu et al. 2019 (arXiv 1806.09055, appendix A.2) as in the official 2018 release.  `fast`
and `small` are shorter recipes of this zoo, with more recent techniques.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo.messages.spelling import choices
from zoo.recipes.base import Settings, check_not_negative

SCHEDULES = ("cosine", "step-decay", "warm-up-cosine")


@dataclass(frozen=True)
class Recipe(Settings):
    """How a network is built and trained.  Raises ValueError for a value out of range."""

    # The network.
    network: str = "cifar"  # kind: cifar, imagenet or nasbench201
    channels: int = 36  # of the first cell
    layers: int = 20  # number of cells
    # SGD with momentum.
    epochs: int = 600  # passes over the training set
    batch_size: int = 96  # images per step
    learning_rate: float = 0.025  # initial, or the peak with a warm-up
    schedule: str = "cosine"  # cosine, step-decay or warm-up-cosine
    decay: float = 1.0  # factor per epoch, for step-decay
    warm_up: float = 0.0  # fraction of all steps, for warm-up-cosine
    momentum: float = 0.9  # of SGD
    nesterov: bool = False  # Nesterov momentum
    weight_decay: float = 3e-4  # L2 penalty
    norm_weight_decay: bool = True  # also of batch-norm and biases
    clip_norm: float = 5.0  # maximum gradient norm
    ema_decay: float = 0.0  # of the weights' moving average, e.g. 0.999; 0: none
    label_smoothing: float = 0.0  # of the cross-entropy
    drop_path: float = 0.2  # probability after the last epoch; rises linearly from 0
    auxiliary_weight: float = 0.4  # weight of the auxiliary head's loss; 0: no head
    precision: str = "auto"  # float32, bfloat16 or auto
    # Training images held out, a number or, below 1, a share; the best epoch on them is kept.
    validation: int | float = 0
    # Sides of the images, each for an equal share of the epochs; () takes them as they are.
    sizes: tuple[int, ...] = ()
    # Augmentation of pixels, see `zoo.data.transforms`.
    crop_padding: int = 0  # random crop after zero padding, in pixels
    flip: bool = False  # random horizontal flip
    cutout: int = 0  # side of the square, in pixels
    resized_crop: float = 0.0  # smallest area fraction of a random resized crop, e.g. 0.08
    color: float = 0.0  # jitter of brightness, contrast, saturation: 0.4 is 0.6 to 1.4
    hue: float = 0.0  # jitter as a fraction of the color circle
    rotate: float = 0.0  # up to so many degrees
    zoom: float = 0.0  # 0.15: each side scaled by 0.85 to 1.15
    shift: float = 0.0  # up to so many pixels
    shear: float = 0.0  # pixels per row
    stroke: float = 0.0  # 0.3: gray values to the power 1/1.3 to 1.3
    drawings: int = 0  # synthetic digits added per epoch

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))  # a list in JSON
        if not all(isinstance(size, int) and size >= 8 for size in self.sizes):
            raise ValueError("sizes must be whole numbers of at least 8 pixels, "
                             f"not {list(self.sizes)}")
        for name in ("channels", "layers", "epochs", "batch_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, "
                                 f"not {getattr(self, name)!r}")
        if self.batch_size < 2:
            raise ValueError("batch_size must be at least 2: batch-norm needs two images")
        if not (isinstance(self.validation, int) and self.validation >= 0
                or 0 < self.validation < 1):
            raise ValueError("validation must be a whole number of images, 0 for none, or a share "
                             f"of them between 0 and 1, not {self.validation!r}")
        for name in ("learning_rate", "clip_norm", "decay"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("label_smoothing", "drop_path", "momentum", "warm_up", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)!r}")
        check_not_negative(self, "weight_decay", "auxiliary_weight", "crop_padding", "cutout",
                           "resized_crop", "color", "hue", "rotate", "zoom", "shift", "shear",
                           "stroke", "drawings")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, "
                             f"not {self.schedule!r}")


PAPER = Recipe(crop_padding=4, flip=True, cutout=16, precision="float32")
#: The base of `fast` and `small`; no decay of norms and biases, as in He et al. 2019 (1812.01187).
MODERN = Recipe(schedule="warm-up-cosine", warm_up=0.1, nesterov=True, learning_rate=0.1,
                weight_decay=5e-4, norm_weight_decay=False, ema_decay=0.999, label_smoothing=0.1,
                flip=True, crop_padding=4)
SMALL = MODERN.but(channels=16, layers=8, epochs=36, batch_size=128, drop_path=0.0,
                   auxiliary_weight=0.0, cutout=8)
CIFAR = {
    "paper": PAPER,
    "fast": MODERN.but(epochs=150, batch_size=256, cutout=16),
    # Smaller images in three quarters of the epochs halve the time.
    "small": SMALL.but(sizes=(16, 16, 24, 32)),
}
# Augmentation as in the official release: crops of 8 % to all of the image.
IMAGENET = PAPER.but(network="imagenet", channels=48, layers=14, epochs=250, batch_size=128,
                     learning_rate=0.1, schedule="step-decay", decay=0.97, weight_decay=3e-5,
                     label_smoothing=0.1, drop_path=0.0, crop_padding=0, cutout=0,
                     resized_crop=0.08, color=0.4, hue=0.2)

#: Recipes by data set and preset; the first preset is the default.
RECIPES: dict[str, dict[str, Recipe]] = {
    # For 8x8 scans and the drawing page: minutes on one CPU core.  Label smoothing keeps the
    # logits small, as required for float32 parity of exports to 1e-5.
    "digits": {"small": Recipe(
        channels=12, layers=8, epochs=60, batch_size=96, learning_rate=0.08,
        label_smoothing=0.1, drop_path=0.1, rotate=10, zoom=0.15, shift=1,
        shear=0.2, stroke=0.3, drawings=600)},
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    # Custom data sets are small, hence more epochs.
    "folder": {"small": SMALL.but(epochs=100), "paper": PAPER, "fast": CIFAR["fast"]},
    "imagenet": {
        "paper": IMAGENET,
        # Goyal et al. 2017 (1706.02677): the learning rate scales with the batch.
        "fast": IMAGENET.but(epochs=100, batch_size=512, learning_rate=0.4,
                             schedule="warm-up-cosine", warm_up=0.05, nesterov=True, decay=1.0,
                             norm_weight_decay=False, ema_decay=0.9999, precision="auto"),
    },
}


#: Dong & Yang 2020 (arXiv 2001.00326), as in their configuration of 200 epochs: no auxiliary head,
#: no drop-path, no Cutout.
NASBENCH201_PAPER = Recipe(
    network="nasbench201", channels=16, layers=15, epochs=200, batch_size=256, learning_rate=0.1,
    nesterov=True, weight_decay=5e-4, clip_norm=1e9, drop_path=0.0, auxiliary_weight=0.0,
    crop_padding=4, flip=True, precision="float32")


def _on_nasbench201(presets: dict[str, Recipe]) -> dict[str, Recipe]:
    """The presets of a data set for a NAS-Bench-201 cell, at that benchmark's width and depth."""
    return {name: NASBENCH201_PAPER if name == "paper" else each.but(
        network="nasbench201", channels=16, layers=6 if name == "small" else 15, drop_path=0.0,
        auxiliary_weight=0.0) for name, each in presets.items()}


#: The same for the networks of NAS-Bench-201, which takes small images only.
NASBENCH201_RECIPES = {data: _on_nasbench201(presets) for data, presets in RECIPES.items()
                       if data != "imagenet"}


def recipe(data: str, preset: str | None = None, network: str | None = None) -> Recipe:
    """The recipe of a data set, for a `network` that has recipes of its own ('nasbench201').

    Raises ValueError for a preset or a data set without one.
    """
    recipes = NASBENCH201_RECIPES if network == "nasbench201" else RECIPES
    if data not in recipes:
        raise ValueError(f"no recipe for {choices(data, recipes)}")
    presets = recipes[data]
    if preset is None:
        return next(iter(presets.values()))
    if preset not in presets:
        raise ValueError(f"{data} has no preset {choices(preset, presets)}")
    return presets[preset]
