"""Images and texts, as `zoo train` takes them: recipes, data sets, and the training itself."""

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
from zoo.models.factory import network_kind
from zoo.recipes.image import Recipe
from zoo.recipes.image import recipe as image_recipe
from zoo.recipes.language import LanguageRecipe, language_recipe
from zoo.runs.run_folder import read_config
from zoo.training import classification, fine_tuning, fits, language_modeling
from zoo.training.options import TrainOptions
from zoo.weights import names_data


class Modality(ABC):
    """What a training of one kind needs to know.

    `foreign` are the options of other kinds, which train what `others` says.
    """

    others: ClassVar[str]
    foreign: ClassVar[tuple[str, ...]]
    data: ClassVar[str]  # where none is named
    recipe_type: ClassVar[type[Recipe] | type[LanguageRecipe]]
    unit: ClassVar[str] = "images"

    @abstractmethod
    def recipe(self, data: str, preset: str | None) -> Any:
        """The preset of a data set.  Raises ValueError for one that there is not."""

    @abstractmethod
    def load(self, options: TrainOptions) -> Any:
        """The data set.  Raises DataError."""

    def resumed(self, options: TrainOptions, folder: Path) -> TrainOptions:
        """`options` over what the run in `folder` began with; weights are in its checkpoint.

        Raises RunError where there is no run to go on with.
        """
        run = read_config(folder, self.recipe_type)
        known = ("data", "path", "size", "by", "seed", "precision")
        run = {name: run[name] for name in known if run.get(name) is not None} | (
            {} if options.preset else {"recipe": run["recipe"]})
        return options.over(run)

    def resolve(self, data: Any, options: TrainOptions) -> Any:
        """The recipe: the preset, then a file's settings, then those of options."""
        recipe = self.recipe(data.name, options.preset)
        return recipe.changed(options.recipe or {}, "recipe: ").changed(options.given).but(
            **self.changes(options))

    def changes(self, options: TrainOptions) -> dict[str, Any]:
        """The settings of the recipe that options give."""
        return {name: value for name, value in options.changes.items()
                if name in self.recipe_type.names()}

    @abstractmethod
    def fingerprint(self, data: Any) -> str:
        """sha256 of what is learned from."""

    def check_same_data(self, data: Any, options: TrainOptions) -> None:
        """Raise ValueError for other data than a file of settings names by its checksum."""
        expected = options.data_sha256
        if expected is not None and expected != self.fingerprint(data):
            raise ValueError(f"the settings are of a run on other data than {data.name} is now; "
                             "leave data_sha256 out to train on this")

    @abstractmethod
    def describe(self, data: Any, recipe: Any) -> str:
        """The data and how long it is learned from, in words."""

    @abstractmethod
    def per_step(self, recipe: Any) -> int:
        """Images or tokens of a step of the progress report."""

    @abstractmethod
    def check_fits(self, genotype: Genotype, data: Any, recipe: Any, device: torch.device,
                   dtype: torch.dtype) -> None:
        """Raise ValueError, before anything is built, for a network that does not fit in memory."""

    @abstractmethod
    def train(self, cell: str, data: Any, recipe: Any, folder: Path, genotype: Genotype,
              options: TrainOptions, **others: Any) -> Manifest:
        """Train, see `classification.train` and `language_modeling.train`."""


class Images(Modality):
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
                raise ValueError(f"{options.weights} holds other weights than the settings are "
                                 "of; leave weights_sha256 out to start from these")
        return classification.train(
            cell, data, recipe, folder, genotype=genotype, seed=options.seed or 0,
            weights=options.weights, source={
                "path": _absolute(options.path), "size": options.size,
                "weights": options.weights if options.weights is None
                or names_data(options.weights) else _absolute(options.weights)}, **others)


class NasBench201Images(Images):
    """Images for the network of a NAS-Bench-201 cell, which has recipes of its own."""

    def recipe(self, data: str, preset: str | None) -> Recipe:
        return image_recipe(data, preset, "nasbench201")


class Texts(Modality):
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
            name, path = str(path), None  # an earlier run calls the file by its name alone
        return named_text(name, path, options.by)

    def resumed(self, options: TrainOptions, folder: Path) -> TrainOptions:
        named = options.data is not None
        options = super().resumed(options, folder)
        if named or options.data in TEXT_NAMES:
            return options
        if options.path is None:  # runs of release 0.3
            raise ValueError(f"{folder} learned from a file that it calls {options.data}; name "
                             "that file again with --data")
        return dataclasses.replace(options, data=str(options.path), path=None)

    def fingerprint(self, data: Any) -> str:
        return language_modeling.fingerprint(data)

    def describe(self, data: Any, recipe: LanguageRecipe) -> str:
        return (f"{data.name}: {len(data.train):,} {data.by}s, {data.vocabulary_size:,} different "
                f"ones, {recipe.epochs} epochs")

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
    """A run may be given back from another folder."""
    return None if path is None else str(Path(path).resolve())


def modality(cell: str, genotype: Genotype, network: str | None) -> Modality:
    """What the networks of a cell learn.  Raises ValueError for a `network` that it has not."""
    if genotype.kind == "recurrent" and network in (None, "language"):
        return Texts()
    if network == "language":
        raise ValueError(f"{cell} is not a recurrent cell, which language models are made of; "
                         "see `zoo list --kind recurrent`")
    if genotype.kind == "nasbench201":
        network_kind(genotype, network or "nasbench201")
        return NasBench201Images()
    return Images()
