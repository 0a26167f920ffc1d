"""Small language models that know one text by heart, and what PyTorch writes with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import export
import zoo
from zoo.manifest import Input

TEXT = "to be , or not to be , that is the question :\nwhether it is nobler in the mind to suffer\n"
CELLS = {"char": "DARTS_V2_RNN", "word": "ENAS_RNN"}


class Learned:
    """A model of TEXT by characters or by words, and its artifact."""

    def __init__(self, unit: str, folder: Path, precision: str = "float32"):
        self.unit, self.folder = unit, folder
        tokens = self.split(TEXT)
        self.vocabulary = sorted(set(tokens)) + (["<unk>"] if unit == "word" else [])
        torch.manual_seed(0)
        size = len(self.vocabulary)
        self.model = zoo.create_model(CELLS[unit], network="language", vocabulary=size,
                                      embedding=32, hidden=32)
        self._learn(torch.tensor(self.read(TEXT)))
        export.export(self.model, "tfjs", folder, vocabulary=self.vocabulary, precision=precision,
                      input=Input(name="tokens", range=None, unit=unit))

    def split(self, text: str) -> list[str]:
        if self.unit == "char":
            return list(text)
        return text.replace("\n", " <eos> ").split()

    def read(self, text: str) -> list[int]:
        return [self.vocabulary.index(token) for token in self.split(text)]

    def text(self, ids: list[int]) -> str:
        """As the page writes it."""
        tokens = [self.vocabulary[number] for number in ids]
        if self.unit == "char":
            return "".join(tokens)
        return "".join("\n" if token == "<eos>" else f"{token} " for token in tokens)

    def _learn(self, ids: torch.Tensor) -> None:
        optimizer = torch.optim.Adam(self.model.parameters(), lr=0.02)
        for _ in range(60):
            log_prob, _ = self.model(ids[:-1, None], self.model.initial_hidden(1))
            loss = F.nll_loss(log_prob.flatten(0, 1), ids[1:])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
        self.model.eval()

    @torch.no_grad()
    def write(self, prompt: list[int], count: int, choose=lambda logits: int(logits.argmax())
              ) -> list[int]:
        """`count` tokens after the prompt, which is read token by token from the zero state."""
        state, written = self.model.initial_hidden(1), []
        for token in prompt:
            log_prob, state = self.model(torch.tensor([[token]]), state)
        while len(written) < count:
            written.append(choose(log_prob[0, 0].numpy()))
            log_prob, state = self.model(torch.tensor([[written[-1]]]), state)
        return written


def mulberry32(seed: int):
    """Numbers in [0, 1), as in web_demo/src/sampling.ts."""
    def product(a: int, b: int) -> int:
        return (a * b) & 0xFFFFFFFF

    state = seed & 0xFFFFFFFF
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = product(state ^ (state >> 15), 1 | state)
        mixed = ((mixed + product(mixed ^ (mixed >> 7), 61 | mixed)) & 0xFFFFFFFF) ^ mixed
        yield (mixed ^ (mixed >> 14)) / 2**32


def sampled(temperature: float, seed: int):
    """Chooses along the sum of exponentials, in order of the ids."""
    random = mulberry32(seed)

    def choose(logits: np.ndarray) -> int:
        weights = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
        return int(np.searchsorted(np.cumsum(weights), next(random) * weights.sum(), "right"))

    return choose
