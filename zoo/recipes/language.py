"""The settings of a language model's training, with presets for each data set.

`paper`: Liu et al. 2019 (arXiv 1806.09055, appendix A.2.2) as in the official 2018 release, which
follows Merity et al. 2017 (arXiv 1708.02182).  `fast` and `small` are recipes of this zoo.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoo.messages.spelling import choices
from zoo.recipes.base import Settings, check_not_negative

OPTIMIZERS = ("nt-asgd", "sgd", "adamw")
SCHEDULES = ("constant", "cosine", "warm-up-cosine")


@dataclass(frozen=True)
class LanguageRecipe(Settings):
    """How a language model is built and trained.  Raises ValueError for a value out of range."""

    hidden: int = 850  # hidden size, and that of the embedding
    epochs: int = 8000  # passes over the text
    batch_size: int = 64  # parallel token streams
    bptt: int = 35  # truncated backpropagation: time steps
    random_bptt: bool = True  # random lengths around bptt, learning rate in proportion
    optimizer: str = "nt-asgd"  # nt-asgd, sgd or adamw
    nonmonotone: int = 5  # epochs that nt-asgd looks back
    learning_rate: float = 20.0  # initial, or the peak with a warm-up
    schedule: str = "constant"  # constant, cosine or warm-up-cosine
    warm_up: float = 0.0  # fraction of all steps, for warm-up-cosine
    weight_decay: float = 8e-7  # L2 penalty
    clip_norm: float = 0.25  # maximum gradient norm
    ema_decay: float = 0.0  # of the weights' moving average; 0: none
    dropout: float = 0.75  # of the cell's output
    dropout_words: float = 0.1  # of whole words
    dropout_embedding: float = 0.2  # of the embedded input
    dropout_hidden: float = 0.25  # of the hidden state, one mask for all time steps
    dropout_input: float = 0.75  # of the cell's input, one mask for all time steps
    ar_weight: float = 0.0  # activation regularization (alpha in the release)
    tar_weight: float = 1e-3  # temporal activation regularization (beta in the release)
    precision: str = "auto"  # float32, bfloat16 or auto
    test_columns: int = 10  # streams of the test text; 1 is exact and slow

    def __post_init__(self) -> None:
        for name in ("hidden", "epochs", "batch_size", "bptt", "nonmonotone", "test_columns"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, "
                                 f"not {getattr(self, name)!r}")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name, value in (*self.dropouts().items(), ("ema_decay", self.ema_decay),
                            ("warm_up", self.warm_up)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1), not {value!r}")
        for name, allowed in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, "
                                 f"not {getattr(self, name)!r}")
        check_not_negative(self, "weight_decay", "ar_weight", "tar_weight")
        if self.ema_decay and self.optimizer == "nt-asgd":
            raise ValueError("nt-asgd averages the weights itself; leave ema_decay at 0")

    def dropouts(self) -> dict[str, float]:
        """The dropout settings by name."""
        return {name: value for name, value in vars(self).items() if name.startswith("dropout")}


#: As in the release, whose 8000 epochs are an upper limit; `dropout_words` as in the paper.
PTB = LanguageRecipe(precision="float32", test_columns=1)
FAST = LanguageRecipe(
    epochs=60, batch_size=128, bptt=70, random_bptt=False, optimizer="adamw", learning_rate=2e-3,
    schedule="warm-up-cosine", warm_up=0.05, weight_decay=1e-2, clip_norm=1.0, ema_decay=0.999,
    dropout=0.6, dropout_input=0.6)
SMALL = FAST.but(
    hidden=200, epochs=8, batch_size=32, bptt=48, learning_rate=8e-3, dropout=0.1,
    dropout_words=0.0, dropout_embedding=0.0, dropout_hidden=0.0, dropout_input=0.1,
    tar_weight=0.0)

PRESETS = ("paper", "fast", "small")
# A text has fewer words than characters, so the model overfits sooner.
_WORDS = {"epochs": 16, "learning_rate": 4e-3, "dropout": 0.4, "dropout_words": 0.1,
          "dropout_embedding": 0.1, "dropout_input": 0.4}
_CHANGES = {
    "ptb": {"small": _WORDS},
    "wikitext2": {"small": _WORDS, "fast": {"hidden": 700},
                  "paper": {"hidden": 700, "weight_decay": 5e-7, "dropout_hidden": 0.15}},
}


def language_recipe(data: str, preset: str | None = None) -> LanguageRecipe:
    """The recipe of a text; the default preset is `paper` for ptb and wikitext2, else `small`.
    Raises ValueError for an unknown preset."""
    preset = preset or ("paper" if data in ("ptb", "wikitext2") else "small")
    if preset not in PRESETS:
        raise ValueError(f"language models have no preset {choices(preset, PRESETS)}")
    recipe = {"paper": PTB, "fast": FAST, "small": SMALL}[preset]
    return recipe.but(**_CHANGES.get(data, {}).get(preset, {}))
