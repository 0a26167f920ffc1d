"""The controller: an LSTM that generates a genotype as a sequence of choices.

Zoph & Le 2017 (arXiv 1611.01578), Zoph et al. 2018 (NASNet, arXiv 1707.07012): one LSTM step and
one softmax per decision; the choice is the input of the next step.  Temperature and tanh
constant keep it from converging too early (Pham et al. 2018, ENAS, arXiv 1802.03268).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Controller(nn.Module):
    """Samples `decisions` (numbers of options, see `search.spaces.space`) one after another.

    Logits are divided by `temperature`; with a `tanh_constant` c they then become c * tanh.  The
    weights are initialized from `generator`, uniformly in [-0.1, 0.1] as published.
    """

    def __init__(self, decisions: list[int], hidden: int = 100, temperature: float = 1.0,
                 tanh_constant: float | None = None, generator: torch.Generator | None = None
                 ) -> None:
        super().__init__()
        self.decisions = list(decisions)
        self.temperature, self.tanh_constant = temperature, tanh_constant
        self.start = nn.Parameter(torch.empty(1, hidden))
        self.cell = nn.LSTMCell(hidden, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, size) for size in self.decisions)
        self.embeddings = nn.ModuleList(
            nn.Embedding(size, hidden) for size in self.decisions[:-1])
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1, generator=generator)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """`n` sequences: choices (n, decisions), their log probabilities (n,), entropies (n,).

        The last two are sums over the decisions and carry gradients.
        """
        return self._unroll(n, lambda number, log_probs: torch.multinomial(
            log_probs.detach().exp(), 1, generator=generator).squeeze(1))

    def log_prob(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities (n,) and entropies (n,) of choices (n, decisions), with gradients."""
        return self._unroll(len(choices), lambda number, log_probs: choices[:, number])[1:]

    def _unroll(self, n: int, choose: Callable[[int, Tensor], Tensor]
                ) -> tuple[Tensor, Tensor, Tensor]:
        """Run the LSTM; `choose` maps a decision's number and log probabilities to choices (n,)."""
        inputs, state = self.start.expand(n, -1), None
        choices, chosen, entropies = [], [], []
        for number, head in enumerate(self.heads):
            state = self.cell(inputs, state)
            logits = head(state[0]) / self.temperature
            if self.tanh_constant is not None:
                logits = self.tanh_constant * logits.tanh()
            log_probs = logits.log_softmax(1)
            choice = choose(number, log_probs)
            choices.append(choice)
            chosen.append(log_probs.gather(1, choice[:, None]).squeeze(1))
            entropies.append(-(log_probs.exp() * log_probs).sum(1))
            if number < len(self.embeddings):
                inputs = self.embeddings[number](choice)
        return torch.stack(choices, 1), torch.stack(chosen).sum(0), torch.stack(entropies).sum(0)


class IndependentController(nn.Module):
    """A softmax for each decision that depends on no other one, called as `Controller`.

    What NAS-Bench-201 searches with (Dong & Yang 2020, arXiv 2001.00326).  Its logits are
    initialized from `generator`, normally with a deviation of 0.001.
    """

    mask: Tensor

    def __init__(self, decisions: list[int], generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.decisions = list(decisions)
        logits = 1e-3 * torch.randn(len(decisions), max(decisions), generator=generator)
        self.logits = nn.Parameter(logits)
        self.register_buffer("mask", torch.tensor(
            [[0.0] * size + [-torch.inf] * (max(decisions) - size) for size in decisions]))

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """As `Controller.sample`."""
        probabilities = (self.logits.detach() + self.mask).softmax(1)
        choices = torch.multinomial(probabilities, n, replacement=True, generator=generator).t()
        return choices, *self.log_prob(choices)

    def log_prob(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """As `Controller.log_prob`."""
        log_probs = (self.logits + self.mask).log_softmax(1)
        chosen = log_probs.gather(1, choices.t()).sum(0)
        entropy = -(log_probs.exp() * log_probs.clamp_min(-1e9)).sum()
        return chosen, entropy.expand(len(choices))
