"""Commands on an idle machine and next to a busy core: all threads against the number they choose.

    python -m benchmarks.threads                  # a quick search and training: a few minutes
    python -m benchmarks.threads --epochs 2

The busy core runs a Python loop.  Seconds are those of the fastest epoch; start-up does not depend
on threads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

COMMANDS = {"search run": ["search", "run"], "zoo train DARTS": ["zoo", "train", "DARTS"]}


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """Keep one core busy with another process."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def seconds(words: list[str], epochs: int, threads: int | None) -> tuple[float, int]:
    """Seconds of the fastest epoch of a command, and its number of threads."""
    chosen = [] if threads is None else ["--threads", str(threads)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        subprocess.run([sys.executable, "-m", *words, "--epochs", str(epochs), *chosen,
                        "-o", str(folder)], check=True, capture_output=True,
                       env={**os.environ, "GENOTYPE_ZOO_DATA": place})
        rows = (folder / ("seconds.jsonl" if words[0] == "search" else "history.jsonl")
                ).read_text().splitlines()
        return (min(json.loads(row)["seconds"] for row in rows),
                json.loads((folder / "config.json").read_text())["threads"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    most = os.cpu_count() or 1
    table = Table(title=f"Seconds per epoch, {most} cores", title_justify="left")
    for column in ("command", "machine", f"{most} threads", "chosen", "threads", "times faster"):
        table.add_column(column, justify="left" if column in ("command", "machine") else "right")
    for machine, beside in (("idle", contextlib.nullcontext()), ("one core busy", busy_core())):
        with beside:
            for name, words in COMMANDS.items():
                before, _ = seconds(words, options.epochs, most)
                now, count = seconds(words, options.epochs, None)
                table.add_row(name, machine, f"{before:.2f}", f"{now:.2f}", str(count),
                              f"{before / now:.1f}")
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
