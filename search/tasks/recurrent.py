"""The recurrent space: cells of language models, searched on a text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from search.candidates.text import TextRecipe, TextTraining, text_recipe
from search.limits.measures import CandidateNetwork
from search.settings import TEXT_PRESETS, TextSettings
from search.spaces.allowed import Allowed
from search.spaces.space import RecurrentSpace, frozen
from search.tasks.base import Domain
from search.tasks.text import TextSearchTask
from zoo.data.text import TEXT_NAMES, TextData, named_text


class RecurrentDomain(Domain):
    space, data, supernets = "recurrent", "sample", TEXT_PRESETS

    def placed(self, name: str, path: Path | None) -> tuple[str, Path | None]:
        """Accept the path of a text file instead of a data set's name, as in `zoo train`."""
        if name not in TEXT_NAMES and path is None and Path(name).is_file():
            return "text", Path(name)
        return name, path

    def load(self, name: str, path: Path | None, size: int | None, by: str | None) -> TextData:
        if size is not None:
            raise ValueError("--size applies to images only; leave it out")
        return named_text(name, path, by)

    def fingerprint(self, data: TextData) -> str:
        return hashlib.sha256(data.train.tobytes() + data.valid.tobytes()).hexdigest()

    def epoch_cost(self, data: TextData, settings: TextSettings) -> float:
        return len(data.train)

    def supernet_task(self, data: TextData, settings: TextSettings, device: torch.device,
                      seed: int, share: tuple[int, int]) -> TextSearchTask:
        return TextSearchTask(data, settings, device, seed, share)

    def cells(self, allowed: Allowed | None = None) -> RecurrentSpace:
        return RecurrentSpace(allowed=frozen(allowed))

    def recipe(self, preset: str, data: str) -> TextRecipe:
        return text_recipe(preset)

    def read_recipe(self, values: Mapping[str, Any]) -> TextRecipe:
        return TextRecipe.read(values)

    def network(self, data: TextData, recipe: TextRecipe) -> CandidateNetwork:
        return CandidateNetwork(self.space, "language", {
            "vocabulary": data.vocabulary_size, "embedding": recipe.hidden,
            "hidden": recipe.hidden}, None)

    def candidates(self, data: TextData, recipe: TextRecipe, seed: int, device: str
                   ) -> TextTraining:
        return TextTraining(data, recipe, device)
