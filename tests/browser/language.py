"""Small language models that overfit one text."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

import export
import zoo
from export.pipeline import build
from export.sources.find import find
from export.sources.options import BuildOptions
from zoo.artifact.manifest import Input
from zoo.generation import generate

TEXT = "to be , or not to be , that is the question :\nwhether it is nobler in the mind to suffer\n"
CELLS = {"char": "DARTS_V2_RNN", "word": "ENAS_RNN"}


class Learned:
    """A character or word model of TEXT, and its artifact."""

    def __init__(self, unit: str, folder: Path):
        self.unit, self.folder = unit, folder
        tokens = self.split(TEXT)
        self.vocabulary = sorted(set(tokens)) + (["<unk>"] if unit == "word" else [])
        torch.manual_seed(0)
        size = len(self.vocabulary)
        self.model = zoo.create_model(CELLS[unit], network="language", vocabulary=size,
                                      embedding=32, hidden=32)
        self._learn(torch.tensor([self.vocabulary.index(token) for token in tokens]))
        export.export(self.model, "tfjs", folder, vocabulary=self.vocabulary,
                      input=Input(name="tokens", range=None, unit=unit))

    def split(self, text: str) -> list[str]:
        if self.unit == "char":
            return list(text)
        return text.replace("\n", " <eos> ").split()

    def write(self, prompt: str, count: int = 50, temperature: float = 0, seed: int = 1) -> str:
        """The continuation of the prompt in PyTorch."""
        text = generate(self.folder, prompt, count, temperature, seed)
        # The page counts the space after the last word to the prompt.
        return text.removeprefix(" ") if self.unit == "word" else text

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


class Shipped(Learned):
    """`zoo build DARTS_V2_RNN --weights shakespeare --export tfjs --precision float16`."""

    def __init__(self, folder: Path):
        self.unit, self.folder = "char", folder
        source = find("DARTS_V2_RNN", BuildOptions(weights=Path("shakespeare")))
        build(source, ["tfjs"], folder, "float16")
