"""Does an artifact still compute what its PyTorch network does?  Files, formats, runtimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.checks import parity
from export.formats import shims
from export.formats.base import FORMATS
from export.logs import captured
from zoo import weights
from zoo.artifact import folder


@dataclass(frozen=True)
class Row:
    """One line of the report; `difference` is None where nothing could be run."""

    where: str
    verdict: str
    difference: float | None = None
    limit: float | None = None
    failed: bool = False


def formats_of(directory: Path | str, started: Callable[[str], None] = lambda hop: None
               ) -> list[Row]:
    """Check the sha256 of every file, then run every format of the artifact by Python.

    Raises ArtifactError when a file is missing or is not the one that was written, and
    MissingPackageError when a format cannot be run here.
    """
    directory = Path(directory)
    model, manifest = weights.load_artifact(directory)
    folder.check_files(directory, manifest)
    expected = parity.reference(model, manifest.input, None)
    rows = [Row("files", f"{len(manifest.files)} as written")]
    for hop, fmt in FORMATS.items():
        place = directory / fmt.place
        if not place.exists():
            continue
        for package in fmt.packages:
            shims.require(package)
        started(hop)
        precision = manifest.precision if fmt.rounds else "float32"
        with captured():
            try:
                found = parity.check(hop, fmt.load(place), expected, precision)
                rows.append(Row(hop, "agrees", found.max_difference, found.limit))
            except parity.ParityError as error:
                rows.append(Row(hop, str(error).removeprefix(f"{hop}: "), failed=True))
            except shims.MissingPackageError:
                raise
            except Exception as error:  # whatever a reader says to files that are none
                line = (str(error).strip() or type(error).__name__).splitlines()[0]
                rows.append(Row(hop, f"cannot be run: {line}", failed=True))
    if len(rows) == 1:
        raise folder.ArtifactError(f"{directory} holds no export; make one with "
                                     f"`zoo build {directory} --export tfjs -o OTHER`")
    return rows


def in_runtime(directory: Path | str, runtime: str, backends: list[str] | None) -> list[Row]:
    """Run the TF.js files in a real runtime, 'chromium' or 'node', on each backend.

    A backend that the machine lacks is reported and does not fail; one asked for by name does.
    """
    from web_demo import verify as browser

    results = browser.verify(directory, runtime, **({"backends": backends} if backends else {}))
    rows = []
    for result in results:
        where = f"{runtime} {result['backend']}"
        if not result["available"]:
            rows.append(Row(where, f"not here: {result['reason']}", failed=bool(backends)))
        elif result["ok"]:
            rows.append(Row(where, "agrees", result["max_difference"], result["limit"]))
        else:
            rows.append(Row(where, result["error"] or "differs", result["max_difference"],
                            result["limit"], failed=True))
    return rows
