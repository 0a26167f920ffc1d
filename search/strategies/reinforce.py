"""Reinforcement learning: a controller samples cells and learns from their accuracy as reward.

Zoph et al. 2018 (NASNet, arXiv 1707.07012): proximal policy optimization (Schulman
et al. 2017, arXiv 1707.06347) with a moving average of the rewards as the baseline.  With
`updates` = 1 the clipped surrogate is plain REINFORCE (Williams 1992).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from search.limits.space import OutsideLimits
from search.spaces.controller import Controller, IndependentController
from search.strategies.sampled import (
    CandidateEvaluator,
    SampleSettings,
    SampleSpace,
    SampleStrategy,
    Trial,
)
from zoo.genotypes.serialization import Genotype
from zoo.recipes.base import check_not_negative

_DRAWS = 1000  # samples of the controller per candidate


@dataclass(frozen=True)
class ReinforceSettings(SampleSettings):
    """Settings of the controller.  Raises ValueError for a value out of range."""

    controller: str = "lstm"  # or independent: one softmax per decision, no LSTM
    hidden: int = 100  # of the controller's LSTM
    learning_rate: float = 3.5e-4  # of Adam
    entropy: float = 1e-5  # weight of the entropy of the controller's choices
    baseline: float = 0.95  # decay of the moving average of the rewards, per wave
    clip: float = 0.2  # the ratio of probabilities is clipped to [1 - clip, 1 + clip]
    updates: int = 4  # steps of the controller after each wave
    reward: float = 1.0  # factor of the accuracy, or of 1 / perplexity

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "entropy", "clip", "reward")
        if self.controller not in ("lstm", "independent"):
            raise ValueError(f"controller must be lstm or independent, not {self.controller!r}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate!r}")
        if not 0 <= self.baseline < 1:
            raise ValueError(f"baseline must be in [0, 1), not {self.baseline!r}")


#: `paper`: NASNet's controller, with a wave of 20 instead of its 500 asynchronous workers.
#: `quick` has 8 updates instead of 1000.
PRESETS = {"quick": ReinforceSettings(candidates=32, wave=4, learning_rate=0.01, baseline=0.6),
           "paper": ReinforceSettings(candidates=20000, wave=20)}
#: On a table: the plain REINFORCE of Dong & Yang 2020 (arXiv 2001.00326).  Its release sets a
#: learning rate of 0.5, that of NATS-Bench 0.01.
TABLE = ReinforceSettings(candidates=100, wave=1, controller="independent", updates=1,
                          learning_rate=0.1, baseline=0.9, entropy=0.0)


class DecisionSpace(SampleSpace, Protocol):
    """A search space whose genotypes are sequences of decisions."""

    def decisions(self) -> list[int]:
        """The number of options of each decision."""
        ...

    def decode(self, choices: list[int]) -> Genotype:
        """The genotype of one choice for each decision."""
        ...


class Reinforce(SampleStrategy):
    """Proximal policy optimization on every space whose genotypes are sequences of decisions."""

    space: DecisionSpace
    settings: ReinforceSettings

    def __init__(self, space: DecisionSpace, evaluator: CandidateEvaluator,
                 settings: ReinforceSettings, seed: int = 0, budget: int | None = None) -> None:
        super().__init__(space, evaluator, settings, seed, budget)
        self.generator = torch.Generator().manual_seed(self.seed)
        decisions = self.space.decisions()
        self.controller = (
            Controller(decisions, self.settings.hidden, generator=self.generator)
            if self.settings.controller == "lstm" else
            IndependentController(decisions, self.generator))
        self.optimizer = torch.optim.Adam(self.controller.parameters(),
                                          lr=self.settings.learning_rate)
        self.baseline: float | None = None

    def propose(self, numbers: range) -> list[tuple[Genotype, int | None]]:
        """Genotypes sampled from the controller, again and again for those beyond a limit.

        Raises ValueError if `_DRAWS` samples for a candidate are all beyond a limit.
        """
        kept: list[tuple[Tensor, Tensor]] = []
        genotypes: list[Genotype] = []
        for _ in range(_DRAWS):
            with torch.no_grad():
                choices, log_probs, _ = self.controller.sample(
                    len(numbers) - len(genotypes), self.generator)
            for chosen, log_prob in zip(choices, log_probs):
                with contextlib.suppress(OutsideLimits):
                    genotypes.append(self.space.decode(chosen.tolist()))
                    kept.append((chosen, log_prob))
            if len(genotypes) == len(numbers):
                break
        else:
            raise ValueError(f"{_DRAWS:,} cells of the controller are beyond the limits; relax a "
                             "--limit, or choose --strategy evolution, which starts within them")
        self.choices, self.log_probs = (torch.stack(each) for each in zip(*kept))
        return [(genotype, None) for genotype in genotypes]

    def learn(self, candidates: list[Trial]) -> None:
        """Update the controller with PPO."""
        settings = self.settings
        rewards = torch.tensor([settings.reward * c.result.score for c in candidates])
        mean = rewards.mean().item()
        before = mean if self.baseline is None else self.baseline
        self.baseline = settings.baseline * before + (1 - settings.baseline) * mean
        advantage = rewards - before
        for _ in range(settings.updates):
            log_probs, entropies = self.controller.log_prob(self.choices)
            ratio = (log_probs - self.log_probs).exp()
            clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
            surrogate = torch.minimum(ratio * advantage, clipped * advantage)
            loss = -(surrogate + settings.entropy * entropies).mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "controller": self.controller.state_dict(), "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(), "baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.baseline = state["baseline"]
