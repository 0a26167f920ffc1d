"""Measures a profile into a file, which an interrupted measurement goes on with."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from export import fits
from export.formats import shims
from export.formats.base import check_packages, hops
from export.profile.design import Graph, fingerprint, graphs, random_genotype
from export.profile.fit import fit
from export.profile.timing import time_graphs
from export.runtimes.base import ALL, Selection, select_runtimes
from zoo.artifact.manifest import Input
from zoo.latency.profile import Profile, ProfileError
from zoo.latency.sizes import Sizes

#: Graphs that are exported and then timed in turn; each batch is stored.
BATCH = 24

#: Networks that are timed in every batch.  They tell a slower machine from a slower graph.
CLOCKS = 2

#: Called with (graphs that are done, all graphs) and what is being done.
Report = Callable[[int, int, str], None]


def one_backend(text: str) -> Selection:
    """The runtime and backend of ``NAME[:BACKEND]``, by default its first backend.

    Raises ValueError unless it is one runtime that can be timed.
    """
    selected = [] if text == ALL or "," in text else select_runtimes([text])
    if len(selected) != 1:
        raise ValueError(f"a profile is of one runtime and backend, such as tfjs:wasm, not {text}")
    (one,) = selected
    if not one.runtime.timed:
        raise ValueError(f"{one.runtime.name} is not timed; choose another runtime")
    return Selection(one.runtime, one.backends[:1], one.named)


def measure(path: Path, sizes: Sizes, selected: Selection, threads: int, runs: int,
            report: Report = lambda done, total, what: None) -> Profile:
    """Measure the profile of a network in the only backend of `selected` and write it to `path`.

    An unfinished profile at `path` with the same settings is continued, a finished one returned.
    Raises ProfileError if `path` is another file or the runtime fails, ValueError for a number
    below 1, MissingPackageError or RuntimeMissing if the runtime is not installed, TooLargeError if
    the network does not fit in memory.
    """
    for name, value in (("threads", threads), ("runs", runs)):
        if value < 1:
            raise ValueError(f"--{name} must be at least 1, not {value}")
    if not path.parent.is_dir():
        raise FileNotFoundError(2, "No such directory", str(path.parent))
    design = graphs(sizes)
    empty = Profile(runtime=selected.runtime.name, backend=selected.backends[0], threads=threads,
                    machine=machine(), runs=runs, network=sizes,
                    design=fingerprint(design))
    profile = _resumed(path, empty) if path.exists() else empty
    if profile.entries:
        return profile
    check(sizes, selected)
    samples = {graph.name: profile.samples[graph.name] for graph in design
               if graph.name in profile.samples}
    for batch in batches(design, samples, sizes, selected, threads, runs, report):
        samples |= batch
        profile = profile.model_copy(update={"samples": samples})
        profile.write(path)
    entries, rest = fit(design, samples, sizes)
    # Validates the whole file.
    profile = Profile.model_validate(
        profile.model_dump() | {"rest": rest, "entries": [each.model_dump() for each in entries]})
    profile.write(path)
    return profile


def _resumed(path: Path, wanted: Profile) -> Profile:
    """The profile at `path`.  Raises ProfileError unless it has the settings of `wanted`."""
    found = Profile.read_any(path)
    for name in ("runtime", "backend", "threads", "runs", "machine", "network", "design"):
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            if isinstance(there, Sizes):
                name = next(each for each in Sizes.model_fields
                            if getattr(there, each) != getattr(here, each))
                there, here = getattr(there, name), getattr(here, name)
            raise ProfileError(f"{path} holds another profile ({name.replace('_', ' ')}: {there}, "
                               f"not {here}); choose another file with -o")
    return found


def check(sizes: Sizes, selected: Selection) -> None:
    """Raise MissingPackageError if the runtime or a format lacks a package, RuntimeMissing without
    a browser or Node, and TooLargeError if the network does not fit in memory."""
    check_packages(hops([selected.runtime.reads]), "zoo")
    for package in selected.runtime.packages:
        shims.require(package)
    if selected.runtime.found:
        selected.runtime.found()
    spec = Input(height=sizes.size, width=sizes.size, channels=sizes.in_channels)
    fits.check_images(random_genotype(random.Random(0), sizes.kind),
                      "nasbench201" if sizes.kind == "nasbench201" else "cifar",
                      {"channels": sizes.channels, "layers": sizes.layers,
                       "num_classes": sizes.classes, "in_channels": sizes.in_channels}, spec)


def batches(design: Sequence[Graph], known: Mapping[str, float], sizes: Sizes, selected: Selection,
            threads: int, runs: int, report: Report) -> Iterator[dict[str, float]]:
    """Time the graphs that are not `known`, and yield their milliseconds by name, batch by batch.

    A batch mixes all kinds of graphs, so that a change of the machine's speed affects all alike.
    """
    clocks = [graph for graph in design if graph.whole][:CLOCKS]
    left = [graph for graph in design if graph not in clocks and graph.name not in known]
    random.Random(len(left)).shuffle(left)
    ticks = {clock.name: known[clock.name] for clock in clocks if clock.name in known}
    total = len(design)
    while left or len(ticks) < len(clocks):
        batch, left = [*clocks, *left[:BATCH - len(clocks)]], left[BATCH - len(clocks):]
        before = total - len(left) - len(batch) + len(ticks)

        def written(number: int, before: int = before, last: int = len(batch)) -> None:
            what = "timing" if number == last else "exporting"
            report(min(total, before + number), total, what)

        found = dict(zip([graph.name for graph in batch], time_graphs(
            batch, sizes, selected, threads, runs, written)))
        ticks = ticks or {clock.name: found[clock.name] for clock in clocks}
        speed = np.exp(np.mean([np.log(ticks[name] / found[name]) for name in ticks]))
        yield {name: ticks[name] if name in ticks else float(ms * speed)
               for name, ms in found.items()}


def fit_error(profile: Profile) -> float:
    """The median relative error of the predictions for the whole networks of a profile, which its
    fit has seen."""
    errors = [abs(profile.predict(graph.genotypes[0]) / profile.samples[graph.name] - 1)
              for graph in graphs(profile.network)
              if graph.whole and graph.name in profile.samples]
    return float(np.median(errors)) if errors else float("nan")


def machine() -> str:
    """A description of this machine, without its name."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines
                    if line.startswith("model name")), cpu)
    except OSError:  # not Linux
        pass
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}"
