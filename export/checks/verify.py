"""Verification of an artifact: its files, its formats, and its outputs in other runtimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from export import inspection
from export.checks import parity
from export.checks.parity import Hop
from export.formats import shims
from export.formats.arrays import Runner
from export.formats.base import FORMATS, Format
from export.logs import captured
from export.runtimes.base import Outcome, Runtime, chosen_backends, find_runtime
from zoo import weights
from zoo.artifact import folder
from zoo.artifact.manifest import CUSTOM, Manifest
from zoo.messages.command_line import command


def formats_of(directory: Path | str, started: Callable[[str], None] = lambda hop: None
               ) -> list[Hop]:
    """Check the sha256 of every file, then run every format of the artifact in Python.

    Raises ArtifactError for a missing or changed file, and MissingPackageError if a format cannot
    be run here.
    """
    directory = Path(directory)
    manifest, expected = _reference(directory)
    folder.check_files(directory, manifest)
    rows = [Hop("files", verdict=f"{len(manifest.files)} unchanged")]
    for name, fmt in FORMATS.items():
        path = directory / fmt.place
        if not path.exists():
            continue
        for package in fmt.packages:
            shims.require(package)
        started(name)
        rows.append(_compared(name, partial(fmt.load, path), expected,
                              _precision(manifest, fmt)))
    if (directory / inspection.FOLDER).exists():
        started(inspection.FOLDER)
        rows.append(_inspected(directory, expected))
    if len(rows) == 1:
        build = command("zoo", "build", directory, "--export", "tfjs", "-o", "OTHER")
        raise folder.ArtifactError(f"{directory} holds no export; make one with `{build}`")
    return rows


def _inspected(directory: Path, plain: parity.Reference) -> Hop:
    """The check of the graph for looking inside the cells."""
    model, manifest = weights.load_artifact(directory)
    expected = inspection.reference(model, manifest.input, plain)
    load = partial(FORMATS["tfjs"].load, directory / inspection.FOLDER)
    return _compared(inspection.FOLDER, load, expected, "float32")


def _reference(directory: Path) -> tuple[Manifest, parity.Reference]:
    """The manifest and the expected outputs: computed by the folder's network, or for a custom
    model read from the fixture."""
    manifest = folder.read_manifest(directory)
    if manifest.network.kind in CUSTOM:
        from export.sources.custom import reference_of

        return manifest, reference_of(directory, manifest)
    model, manifest = weights.load_artifact(directory)
    return manifest, parity.reference(model, manifest.input, None)


def in_runtime(directory: Path | str, name: str, backends: Sequence[str] | None = None
               ) -> list[Hop]:
    """Run an artifact in a runtime, on the given backends or on all.

    A backend that the machine lacks is reported and fails only if it is given by name.  Raises
    ValueError for an unknown runtime or backend, ArtifactError if the artifact lacks the runtime's
    format, and the runtime's own error if it is not installed.
    """
    directory = Path(directory)
    runtime = find_runtime(name)
    chosen = chosen_backends(runtime, backends)
    require(directory, runtime)
    if runtime.verify is None:
        return _in_process(directory, runtime, chosen)
    return [_hop_of(f"{runtime.name} {outcome.backend}", outcome, required=bool(backends))
            for outcome in runtime.verify(directory, chosen)]


def holds(directory: Path, runtime: Runtime) -> bool:
    """Whether an artifact has the format that a runtime reads."""
    return (directory / FORMATS[runtime.reads].place).exists()


def require(directory: Path, runtime: Runtime) -> None:
    """Raise ArtifactError if an artifact lacks the runtime's format, MissingPackageError for a
    package that is not installed."""
    if not holds(directory, runtime):
        raise folder.ArtifactError(f"{directory} holds no {runtime.reads}, which {runtime.name} "
                                   f"reads; build it again with --export {runtime.reads}")
    for package in runtime.packages:
        shims.require(package)


def _in_process(directory: Path, runtime: Runtime, backends: Sequence[str]) -> list[Hop]:
    manifest, expected = _reference(directory)
    fmt = FORMATS[runtime.reads]
    assert runtime.load  # it has no `verify`
    return [_compared(f"{runtime.name} {backend}",
                      partial(runtime.load, directory / fmt.place, backend, None),
                      expected, _precision(manifest, fmt))
            for backend in backends]


def _precision(manifest: Manifest, fmt: Format) -> str:
    return fmt.stored(manifest.precision)


def _compared(name: str, load: Callable[[], Runner], expected: parity.Reference, precision: str
              ) -> Hop:
    """The parity check of a loaded format, as a line of the report."""
    with captured():
        try:
            result = parity.check_parity(name, load(), expected, precision)
            return Hop(name, result.max_difference, result.limit, verdict="agrees")
        except parity.ParityError as error:
            return Hop(name, verdict=str(error).removeprefix(f"{name}: "), failed=True)
        except shims.MissingPackageError:
            raise
        except Exception as error:  # anything raised by a reader of damaged files
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            return Hop(name, verdict=f"cannot be run: {line}", failed=True)


def _hop_of(name: str, outcome: Outcome, required: bool) -> Hop:
    """The outcome of a backend outside this process, as a line of the report."""
    if not outcome.available:
        return Hop(name, verdict=f"unavailable: {outcome.reason}", failed=required)
    verdict = "agrees" if outcome.ok else outcome.error or "differs"
    return Hop(name, outcome.max_difference, outcome.limit, verdict=verdict,
               failed=not outcome.ok)
