"""A build into a folder that holds an artifact: what stays of it beside the new formats.

Formats of the same network are added to those that are there, and the history of a training stays.
What would be lost is lost only with `--replace`, and a training's history never.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export.formats.base import FORMATS, common_precision, hops, installed_version
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact import names
from zoo.artifact.folder import ArtifactError
from zoo.artifact.manifest import CUSTOM, Agreement, Manifest, Parity
from zoo.weights.hub import WeightsError

if TYPE_CHECKING:
    from export.pipeline import Source

#: Files that every build writes anew, see `export.pipeline.Pipeline`.
_REWRITTEN = {weights.WEIGHTS, names.GENOTYPE, names.LABELS, names.VOCABULARY, "cell.svg",
              "README.md"}


@dataclass(frozen=True)
class Kept:
    """`files` of the artifact that is there, `formats` those among them that can be run; its
    `manifest`, None where there is none or nothing of it stays.  `precision` is that of all that
    will be there."""

    manifest: Manifest | None = None
    files: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    precision: str | None = None

    def known(self, manifest: Manifest) -> Manifest:
        """What is known of the network: what the folder says, and agreement that `manifest` has of
        other places."""
        if self.manifest is None:
            return manifest
        def place(entry: Agreement) -> tuple[str, ...]:
            return entry.format, entry.where, entry.precision

        there = {place(entry) for entry in self.manifest.agreement}
        more = [entry for entry in manifest.agreement if place(entry) not in there]
        return self.manifest.model_copy(update={"agreement": [*self.manifest.agreement, *more]})

    def parity(self, added: Sequence[Parity]) -> list[Parity]:
        """What was found of each format, with what was `added`, in the order of `FORMATS`."""
        stays = [entry for entry in self.manifest.parity if entry.hop in self.formats] \
            if self.manifest else []
        found = {entry.hop: entry for entry in (*added, *stays)}
        return [found[name] for name in FORMATS if name in found]

    def tools(self, packages: Iterable[str]) -> dict[str, str]:
        """The versions of `packages`, which are used now, and those that what stays was made
        with."""
        tools = {name: installed_version(name) for name in packages}
        then = self.manifest.tools if self.manifest else {}
        used = {package for hop in hops(self.formats) for package in hop.packages}
        for name, version in then.items():
            if name not in tools:
                tools[name] = version
            elif name in used:
                tools[name] = ", ".join(dict.fromkeys([*version.split(", "), tools[name]]))
        return dict(sorted(tools.items()))

    @property
    def converter(self) -> str | None:
        """What made the formats that stay, where one of `CONVERTERS` did."""
        converts = any(hop.converts for hop in hops(self.formats))
        return self.manifest.converter if self.manifest and converts else None


def kept(source: Source, formats: Sequence[str], directory: Path, precision: str, converter: str,
         replace: bool = False) -> Kept:
    """What a build of `source` to `formats` leaves as it is in `directory`.

    With `replace` no format stays.  Raises ArtifactError where another network is there, and where
    what stays and what is added would not go into one manifest.
    """
    if not (directory / artifact.MANIFEST).exists():
        return Kept()
    artifact.check_place(directory)
    manifest = artifact.read_manifest(directory)
    try:
        same = _is_same(source, directory, manifest)
    except (ArtifactError, WeightsError) as error:
        artifact.check_loss(directory, keep=())
        if replace:
            return Kept()
        raise ArtifactError(f"{error}; or replace all of it with --replace") from None
    if not same:
        artifact.check_loss(directory, keep=())
        if replace:
            return Kept()
        raise ArtifactError(f"{directory} holds another network, {manifest.name}, which would be "
                            "lost; choose another folder with -o, or replace it with --replace")
    files = {name: _format_of(name) for name in manifest.files
             if name not in _REWRITTEN and not name.startswith("fixtures/")}
    stays = {fmt for fmt in files.values() if fmt and fmt not in formats and not replace}
    found = Kept(manifest, tuple(name for name, fmt in files.items() if not fmt or fmt in stays),
                 tuple(name for name in FORMATS if name in stays))
    return dataclasses.replace(found, precision=_goes_together(
        found, formats, directory, precision, converter))


def _is_same(source: Source, directory: Path, manifest: Manifest) -> bool:
    """Is the network in the folder that of `source`, for the same inputs and labels?"""
    known = source.manifest
    if (known.network, known.input, known.labels) != (
            manifest.network, manifest.input, manifest.labels):
        return False
    if known.network.kind in CUSTOM:
        return (known.origin, known.takes) == (manifest.origin, manifest.takes)
    model, _ = weights.load_artifact(directory)
    return (model.genotype == source.genotype
            and artifact.read_vocabulary(directory, manifest) == source.vocabulary
            and weights.state_sha256(model) == weights.state_sha256(source.model))


def _format_of(name: str) -> str | None:
    """The format that a file of an artifact belongs to."""
    return next((fmt.name for fmt in FORMATS.values()
                 if name == fmt.place or name.startswith(f"{fmt.place}/")), None)


def _goes_together(found: Kept, formats: Sequence[str], directory: Path, precision: str,
                   converter: str) -> str | None:
    """The precision of what stays and what is added; a manifest has one, and one converter."""
    there = found.manifest.precision if found.manifest else None
    both = common_precision([
        *((FORMATS[name], FORMATS[name].stored(there)) for name in found.formats),
        *((FORMATS[name], FORMATS[name].stored(precision)) for name in formats)])
    converts = any(hop.converts for hop in hops(formats))
    for what, stays, fits in (
            ("precision", there or "float32", both is not None),
            ("converter", found.converter, not converts or found.converter in (None, converter))):
        if not fits:
            raise ArtifactError(
                f"{directory} holds {', '.join(found.formats)} of --{what} {stays}; build with "
                f"that, choose another folder with -o, or replace all of it with --replace")
    return both
