"""A build into a folder with an artifact: the files that stay next to the new formats.

Formats of the same network are added to the existing ones.  Formats are lost only with `--replace`,
the history of a training never.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export import inspection
from export.formats.base import FORMATS, common_precision, hops, installed_version
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact import names
from zoo.artifact.folder import ArtifactError
from zoo.artifact.manifest import CUSTOM, Agreement, Manifest, Parity
from zoo.weights.hub import WeightsError

if TYPE_CHECKING:
    from export.pipeline import Source

#: Files that every build rewrites, see `export.pipeline.Pipeline`.
_REWRITTEN = {weights.WEIGHTS, names.GENOTYPE, names.LABELS, names.VOCABULARY, "cell.svg",
              "README.md"}


@dataclass(frozen=True)
class Kept:
    """What stays of an existing artifact: `files`, the `formats` among them, and its `manifest`,
    None if there is none or nothing stays.  `precision` is that of the resulting artifact."""

    manifest: Manifest | None = None
    files: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    precision: str | None = None

    def merged(self, manifest: Manifest) -> Manifest:
        """The existing manifest with the further agreement entries of `manifest`; `manifest` if
        there is none."""
        if self.manifest is None:
            return manifest

        def key(entry: Agreement) -> tuple[str, ...]:
            return entry.format, entry.where, entry.precision

        existing = {key(entry) for entry in self.manifest.agreement}
        more = [entry for entry in manifest.agreement if key(entry) not in existing]
        return self.manifest.model_copy(update={"agreement": [*self.manifest.agreement, *more]})

    def parity(self, added: Sequence[Parity]) -> list[Parity]:
        """The parity entries of formats that stay and of those `added`, in the order of
        `FORMATS`; that of the inspection last."""
        parts = {name.partition("/")[0] for name in self.files} & {inspection.FOLDER}
        stays = [entry for entry in self.manifest.parity if entry.hop in {*self.formats, *parts}] \
            if self.manifest else []
        entries = {entry.hop: entry for entry in (*stays, *added)}
        return [entries[name] for name in (*FORMATS, inspection.FOLDER) if name in entries]

    def tools(self, packages: Iterable[str]) -> dict[str, str]:
        """The installed versions of `packages`, and those that made the formats that stay."""
        tools = {name: installed_version(name) for name in packages}
        earlier = self.manifest.tools if self.manifest else {}
        used = {package for hop in hops(self.formats) for package in hop.packages}
        for name, version in earlier.items():
            if name not in tools:
                tools[name] = version
            elif name in used:
                tools[name] = ", ".join(dict.fromkeys([*version.split(", "), tools[name]]))
        return dict(sorted(tools.items()))

    @property
    def converter(self) -> str | None:
        """The converter of the formats that stay; None if none of them needs one."""
        converts = any(hop.converts for hop in hops(self.formats))
        return self.manifest.converter if self.manifest and converts else None


def kept(source: Source, formats: Sequence[str], directory: Path, precision: str, converter: str,
         replace: bool = False, inspect: bool = False) -> Kept:
    """The part of the artifact in `directory` that a build of `source` to `formats` keeps.

    With `replace` no format stays, and with `inspect` the graph of `export.inspection` does not.
    Raises ArtifactError if the artifact is another network, or if
    its formats and the new ones do not fit one manifest.
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
        raise ArtifactError(f"{error}; or replace it with --replace") from None
    if not same:
        artifact.check_loss(directory, keep=())
        if replace:
            return Kept()
        raise ArtifactError(f"{directory} holds another network, {manifest.name}, which would be "
                            "lost; choose another folder with -o, or replace it with --replace")
    files = {name: _format_of(name) for name in manifest.files
             if name not in _REWRITTEN and not name.startswith("fixtures/")
             and not ((inspect or replace) and name.startswith(f"{inspection.FOLDER}/"))}
    stays = {fmt for fmt in files.values() if fmt and fmt not in formats and not replace}
    unchanged = Kept(manifest, tuple(name for name, fmt in files.items()
                                     if not fmt or fmt in stays),
                     tuple(name for name in FORMATS if name in stays))
    return dataclasses.replace(unchanged, precision=_combined_precision(
        unchanged, formats, directory, precision, converter))


def _is_same(source: Source, directory: Path, manifest: Manifest) -> bool:
    """Whether the folder has the network of `source`, with the same inputs and labels."""
    own = source.manifest
    if (own.network, own.input, own.labels) != (
            manifest.network, manifest.input, manifest.labels):
        return False
    if own.network.kind in CUSTOM:
        return (own.origin, own.takes) == (manifest.origin, manifest.takes)
    model, _ = weights.load_artifact(directory)
    return (model.genotype == source.genotype
            and artifact.read_vocabulary(directory, manifest) == source.vocabulary
            and weights.state_sha256(model) == weights.state_sha256(source.model))


def _format_of(name: str) -> str | None:
    """The format of a file in an artifact, or None."""
    return next((fmt.name for fmt in FORMATS.values()
                 if name == fmt.place or name.startswith(f"{fmt.place}/")), None)


def _combined_precision(stays: Kept, formats: Sequence[str], directory: Path, precision: str,
                        converter: str) -> str | None:
    """The precision of the old and new formats together; a manifest has one, and one converter."""
    existing = stays.manifest.precision if stays.manifest else None
    combined = common_precision([
        *((FORMATS[name], FORMATS[name].stored(existing)) for name in stays.formats),
        *((FORMATS[name], FORMATS[name].stored(precision)) for name in formats)])
    converts = any(hop.converts for hop in hops(formats))
    for what, value, fits in (
            ("precision", existing or "float32", combined is not None),
            ("converter", stays.converter, not converts or stays.converter in (None, converter))):
        if not fits:
            raise ArtifactError(
                f"{directory} holds {', '.join(stays.formats)} with --{what} {value}; build with "
                f"that, choose another folder with -o, or replace it with --replace")
    return combined
