"""Search runs on the page: folders with the report that `search run` rewrites after every epoch."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from web_demo.artifacts import free_name
from zoo.artifact.names import CONFIG, GENOTYPE
from zoo.genotypes.cell import GenotypeError
from zoo.genotypes.serialization import Genotype, from_dict
from zoo.messages.command_line import command
from zoo.runs.run_state import is_at_work, why_diverged
from zoo.system import json_text

REPORT, EVENTS = "report.html", "events"
#: Seconds between two looks at a report, and between two signs of life on a silent connection.
LOOK, SIGN = 0.5, 10.0


def find_runs(paths: list[Path]) -> dict[str, Path]:
    """Runs by name, from paths of run folders or of folders that contain some."""
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        folders = [path, *sorted(child.parent for child in path.glob(f"*/{REPORT}"))]
        for folder in map(Path.resolve, folders):
            if _is_run(folder) and folder not in found.values():
                found[free_name(folder.name, found)] = folder
    return found


def _is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / REPORT).is_file()


def address(name: str) -> str:
    """The address of the report of a run, relative to the page.

    >>> address("search-darts1-digits-0")
    'runs/search-darts1-digits-0/report.html'
    """
    return f"runs/{name}/{REPORT}"


def reports_of(artifacts: Mapping[str, Path], runs: Mapping[str, Path]) -> dict[str, str]:
    """The address of the report of the run that found the cell of an artifact, by the artifact's
    name; the first if several did.  Only finished runs have found a cell."""
    found: dict[Genotype, str] = {}
    for name, folder in runs.items():
        if (genotype := _genotype(folder)) is not None:
            found.setdefault(genotype, name)
    if not found:
        return {}
    cells = {name: _genotype(folder) for name, folder in artifacts.items()}
    return {name: address(found[cell]) for name, cell in cells.items() if cell in found}


def _genotype(folder: Path) -> Genotype | None:
    try:
        return from_dict(json.loads((folder / GENOTYPE).read_bytes()))
    except (OSError, ValueError, GenotypeError):
        return None


def changes(run: Path, closed: threading.Event, look: float = LOOK) -> Iterator[bytes]:
    """The server-sent events of a run: one at the start and one whenever its report is rewritten
    or its state changes, with comments in between, until `closed` is set.

    The data is JSON with the `state`: "running", "interrupted" with the command to `resume` the
    run, or "diverged" with the `reason`.  A finished run counts as interrupted, because its report
    says that it has finished.
    """
    shown, silent = None, 0.0
    while True:
        now = (_version(run / REPORT), _state(run))
        if now[0] is not None and now != shown:
            shown, silent = now, 0.0
            yield f"data: {json_text.dumps(now[1])}\n\n".encode()
        elif silent >= SIGN:
            silent = 0.0
            yield b":\n\n"  # fails once the page is closed, which ends the thread
        if closed.wait(look):
            return
        silent += look


def _state(run: Path) -> dict[str, str]:
    if is_at_work(run):
        return {"state": "running"}
    if (why := why_diverged(run)) is not None:
        return {"state": "diverged", "reason": why}
    here = Path.cwd()
    typed = run.relative_to(here) if run.is_relative_to(here) else run
    return {"state": "interrupted", "resume": command("search", "resume", typed)}


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
