"""The two modalities of `zoo train`, images and texts: recipes, data sets and training."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch

from zoo.artifact.manifest import Manifest
from zoo.data import images
from zoo.data.base import fingerprint
from zoo.data.text import TEXT_NAMES, named_text
from zoo.genotypes.serialization import Genotype
from zoo.hub.address import is_address
from zoo.models.factory import network_kind
from zoo.recipes.image import Recipe
from zoo.recipes.image import recipe as image_recipe
from zoo.recipes.language import LanguageRecipe, language_recipe
from zoo.runs.run_folder import read_config
from zoo.training import classification, fine_tuning, fits, language_modeling
from zoo.training.options import TrainOptions
from zoo.weights import names_data


class Modality(ABC):
    """The recipes, data sets and training of one kind of network.

    `foreign` are the options of the other modality, whose networks `others` describes.
    """

    others: ClassVar[str]
    foreign: ClassVar[tuple[str, ...]]
    data: ClassVar[str]  # the default data set
    recipe_type: ClassVar[type[Recipe] | type[LanguageRecipe]]
    unit: ClassVar[str] = "images"

    @abstractmethod
    def recipe(self, data: str, preset: str | None) -> Any:
        """The preset of a data set.  Raises ValueError for an unknown preset."""

    @abstractmethod
    def load(self, options: TrainOptions) -> Any:
        """The data set.  Raises DataError."""

    def resumed(self, options: TrainOptions, folder: Path) -> TrainOptions:
        """The settings of the run in `folder`, overridden by `options`.

        Raises RunError if there is no run to resume.
        """
        config = read_config(folder, self.recipe_type)
        kept = ("data", "path", "size", "by", "seed", "precision")
        run = {name: config[name] for name in kept if config.get(name) is not None} | (
            {} if options.preset else {"recipe": config["recipe"]})
        return options.over(run)

    def resolve(self, data: Any, options: TrainOptions) -> Any:
        """The recipe: the preset, overridden by a file's settings, overridden by `options`."""
        recipe = self.recipe(data.name, options.preset)
        return recipe.changed(options.recipe or {}, "recipe: ").changed(options.given).but(
            **self.changes(options))

    def changes(self, options: TrainOptions) -> dict[str, Any]:
        """The settings of the recipe in `options`."""
        return {name: value for name, value in options.changes.items()
                if name in self.recipe_type.names()}

    @abstractmethod
    def fingerprint(self, data: Any) -> str:
        """sha256 of the training and validation data."""

    def check_same_data(self, data: Any, options: TrainOptions) -> None:
        """Raise ValueError if the data does not match the checksum in a settings file."""
        expected = options.data_sha256
        if expected is not None and expected != self.fingerprint(data):
            raise ValueError(f"{data.name} has changed since the run of these settings; "
                             "remove data_sha256 from them to train on the new data")

    @abstractmethod
    def describe(self, data: Any, recipe: Any) -> str:
        """The data set and the number of epochs, in words."""

    @abstractmethod
    def per_step(self, recipe: Any) -> int:
        """Images or tokens per step of the progress report."""

    @abstractmethod
    def check_fits(self, genotype: Genotype, data: Any, recipe: Any, device: torch.device,
                   dtype: torch.dtype) -> None:
        """Raise ValueError for a network that does not fit in memory, without building it."""

    @abstractmethod
    def train(self, cell: str, data: Any, recipe: Any, folder: Path, genotype: Genotype,
              options: TrainOptions, **others: Any) -> Manifest:
        """Train; see `classification.train` and `language_modeling.train`."""


class Images(Modality):
    """Image classification with convolutional and hierarchical cells."""

    others, foreign, data = "a language model", ("by", "hidden"), "digits"
    recipe_type = Recipe

    def recipe(self, data: str, preset: str | None) -> Recipe:
        return image_recipe(data, preset)

    def load(self, options: TrainOptions) -> Any:
        return images.load(options.data or self.data, options.path, options.size)

    def fingerprint(self, data: Any) -> str:
        return fingerprint(data)

    def changes(self, options: TrainOptions) -> dict[str, Any]:
        return super().changes(options) | {"network": options.network}

    def describe(self, data: Any, recipe: Recipe) -> str:
        return f"{data.name}: {recipe.epochs} epoch{'s' * (recipe.epochs > 1)}"

    def per_step(self, recipe: Recipe) -> int:
        return recipe.batch_size

    def check_fits(self, genotype: Genotype, data: Any, recipe: Recipe, device: torch.device,
                   dtype: torch.dtype) -> None:
        fits.check_images(genotype, data, recipe, device, dtype)

    def train(self, cell: str, data: Any, recipe: Recipe, folder: Path, genotype: Genotype,
              options: TrainOptions, **others: Any) -> Manifest:
        if options.weights and options.weights_sha256:
            _, found = fine_tuning.begin(options.weights, cell, genotype, folder, resume=False)
            if found["weights_sha256"] != options.weights_sha256:
                raise ValueError(f"{options.weights} has changed since the run of these settings; "
                                 "remove weights_sha256 from them to start from the new weights")
        return classification.train(
            cell, data, recipe, folder, genotype=genotype, seed=options.seed or 0,
            weights=options.weights, source={
                "path": _absolute(options.path), "size": options.size,
                "weights": options.weights if options.weights is None
                or names_data(options.weights) or is_address(options.weights)
                else _absolute(options.weights)}, **others)


class NasBench201Images(Images):
    """Images for the network of a NAS-Bench-201 cell, which has recipes of its own."""

    def recipe(self, data: str, preset: str | None) -> Recipe:
        return image_recipe(data, preset, "nasbench201")


class Texts(Modality):
    """Language modeling with recurrent cells."""

    others, data, unit = "an image network", "sample", "tokens"
    foreign = ("size", "channels", "layers", "validation", "weights")
    recipe_type = LanguageRecipe

    def recipe(self, data: str, preset: str | None) -> LanguageRecipe:
        return language_recipe(data, preset)

    def load(self, options: TrainOptions) -> Any:
        name, path = options.data or self.data, options.path
        if name not in TEXT_NAMES and path is not None and (
                options.data_sha256 or not Path(name).is_file()
                or Path(name).resolve() == path.resolve()):
            name, path = str(path), None  # an earlier run's `data` is only the name of the file
        return named_text(name, path, options.by)

    def resumed(self, options: TrainOptions, folder: Path) -> TrainOptions:
        named = options.data is not None
        options = super().resumed(options, folder)
        if named or options.data in TEXT_NAMES:
            return options
        if options.path is None:  # runs of release 0.3
            raise ValueError(f"{folder} was trained on a file named {options.data}, whose path it "
                             "does not store; give the file with --data")
        return dataclasses.replace(options, data=str(options.path), path=None)

    def fingerprint(self, data: Any) -> str:
        return language_modeling.fingerprint(data)

    def describe(self, data: Any, recipe: LanguageRecipe) -> str:
        return (f"{data.name}: {len(data.train):,} {data.by}s, vocabulary of "
                f"{data.vocabulary_size:,}, {recipe.epochs} epochs")

    def per_step(self, recipe: LanguageRecipe) -> int:
        return 1

    def check_fits(self, genotype: Genotype, data: Any, recipe: LanguageRecipe,
                   device: torch.device, dtype: torch.dtype) -> None:
        fits.check_text(genotype, data, recipe, device, dtype)

    def train(self, cell: str, data: Any, recipe: LanguageRecipe, folder: Path,
              genotype: Genotype, options: TrainOptions, **others: Any) -> Manifest:
        file = options.data if options.data not in (None, *TEXT_NAMES) else None
        return language_modeling.train(
            cell, data, recipe, folder, genotype=genotype, seed=options.seed or 0,
            source={"path": _absolute(options.path or file)}, **others)


def _absolute(path: Path | str | None) -> str | None:
    """The absolute path, since a run may be resumed from another folder."""
    return None if path is None else str(Path(path).resolve())


def modality(cell: str, genotype: Genotype, network: str | None) -> Modality:
    """The modality of a cell.  Raises ValueError for a `network` that the cell cannot build."""
    if genotype.kind == "recurrent" and network in (None, "language"):
        return Texts()
    if network == "language":
        raise ValueError(f"{cell} is not a recurrent cell; language models need one, "
                         "see `zoo list --kind recurrent`")
    if genotype.kind == "nasbench201":
        network_kind(genotype, network or "nasbench201")
        return NasBench201Images()
    return Images()
