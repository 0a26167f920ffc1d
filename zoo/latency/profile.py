"""A profile: the latency of every operation of a network in a runtime, and what it predicts.

The latency of a network is the sum of its operations, looked up in a table of measurements, as in
FBNet (Wu et al. 2019, arXiv 1812.03443) and ProxylessNAS (Cai et al. 2019, arXiv 1812.00332).
`zoo profile` measures and writes the file; this module needs neither torch nor the runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from zoo.artifact.manifest import Count
from zoo.genotypes.serialization import Genotype
from zoo.latency import exported
from zoo.latency.exported import ADD
from zoo.latency.sizes import CELLS, OPERATIONS, Shape, Sizes, edges
from zoo.messages.command_line import command
from zoo.messages.validation import reason
from zoo.system import json_text
from zoo.system.files import write_whole

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class ProfileError(ValueError):
    """A file that is no profile, or one for another network; the message names the remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Entry(_Part):
    """What one `operation` adds to the latency of one input, in milliseconds: at `channels`, on an
    input of `size` x `size`, with a stride of 1 or 2."""

    operation: Text
    channels: Count
    size: Count
    stride: Literal[1, 2]
    ms: Milliseconds

    @property
    def shape(self) -> Shape:
        return Shape(self.channels, self.size, self.stride)


class Profile(_Part):
    """The measured latencies of a network's operations, for one input.

    `rest` is the latency of all that does not depend on the cell: stem, preprocessing, classifier,
    the additions and concatenations of DARTS cells, the residual blocks of NAS-Bench-201.
    `samples` are the measurements that `entries` and `rest` come from, in milliseconds, by the name
    of the measured graph; without entries the profile is unfinished.  `design` identifies these
    graphs.
    """

    format: Literal[2] = 2
    runtime: Text
    backend: Text
    threads: Count
    machine: str
    runs: Count
    unit: Literal["ms"] = "ms"
    network: Sizes
    design: str = ""
    rest: Milliseconds = 0.0
    entries: tuple[Entry, ...] = Field(default=(), strict=False)
    samples: dict[str, Milliseconds] = {}

    @model_validator(mode="after")
    def _complete(self) -> Profile:
        table = self.table()
        if len(table) != len(self.entries):
            raise ValueError("entries has an operation at the same shape twice")
        if table:
            for operation in measured_operations(self.network.kind):
                for shape in self.network.shapes():
                    if (operation, shape) not in table:
                        raise ValueError(
                            f"entries lacks {operation} with {shape.channels} channels at "
                            f"{shape.size}x{shape.size} and stride {shape.stride}")
        return self

    @classmethod
    def read(cls, path: Path | str) -> Profile:
        """Read a finished profile.

        Raises ProfileError for any other file, and OSError if it cannot be read.
        """
        profile = cls.read_any(path)
        if not profile.entries:
            raise ProfileError(f"{path} is unfinished; go on with `{profile.made_by(path)}`")
        return profile

    @classmethod
    def read_any(cls, path: Path | str) -> Profile:
        """Read a profile, finished or not.  Raises the errors of `read`."""
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ProfileError(f"{path} is not a profile of `zoo profile`: {where}: "
                               f"{reason(first)}") from None

    def write(self, path: Path) -> None:
        """Write the file atomically.  Raises OSError."""
        text = json_text.dumps(self.model_dump(mode="json"), indent=1)
        write_whole(path, f"{text}\n".encode())

    def table(self) -> dict[tuple[str, Shape], float]:
        """The milliseconds of each operation at each shape."""
        return {(entry.operation, entry.shape): entry.ms for entry in self.entries}

    def predict(self, genotype: Genotype) -> float:
        """The latency of one input of the genotype's network, in milliseconds: `rest` plus the
        entries of its operations (`zoo.latency.sizes.Sizes.used`).

        Raises ValueError for a cell outside the search space of the profile.
        """
        table = self.table()
        return self.rest + sum(table[each] for each in self.network.used(genotype))

    def edge_costs(self) -> dict[str, np.ndarray]:
        """What each operation on each edge of a supernet adds to the latency of the network, in
        milliseconds: an array (edges, operations) for each cell of a genotype, summed over all
        cells of the network with that name.

        Edges and operations are those of a supernet's tables, (14, 8) for the spaces of DARTS and
        (6, 5) for NAS-Bench-201; `none` costs nothing.  The k edges of a NAS-Bench-201 node share
        its k - 1 additions equally, so the costs of a cell without `none` and without shared pools
        add up to its latency.
        """
        kind, table = self.network.kind, self.table()
        names = OPERATIONS[kind]
        costs = {cell: np.zeros((len(edges(kind)), len(names))) for cell in CELLS[kind]}
        for place in self.network.places():
            for row, (node, source) in enumerate(edges(kind)):
                shape = place.shape(source)
                addition = table.get((ADD, shape), 0.0) * node / (node + 1)
                costs[place.cell][row] += [
                    0.0 if name == "none" else table.get((name, shape), 0.0) + addition
                    for name in names]
        return costs

    def check(self, kind: str, channels: int, layers: int, size: int, classes: int,
              in_channels: int | None = None) -> None:
        """Raise ProfileError, naming the first difference, unless the profile holds for a network
        with these settings.  `in_channels` are those of the images; None for any."""
        asked = {"kind": kind, "channels": channels, "layers": layers, "size": size,
                 "classes": classes}
        if in_channels is not None:
            asked["in_channels"] = in_channels
        for name, value in asked.items():
            own = getattr(self.network, name)
            if own != value:
                words = {"kind": "the space", "classes": "the number of classes",
                         "size": "the image size", "in_channels": "the number of input channels"}
                fitting = self.network.model_copy(update=asked)
                raise ProfileError(
                    f"the profile holds for another network: {words.get(name, name)} is {own} "
                    f"there and {value} here; measure this one with "
                    f"`{self._command(fitting, 'profile.json')}`")

    def made_by(self, path: Path | str) -> str:
        """The command that measures this profile into `path`."""
        return self._command(self.network, path)

    def _command(self, sizes: Sizes, path: Path | str) -> str:
        return command(
            "zoo", "profile", "--runtime", f"{self.runtime}:{self.backend}", "--space", sizes.kind,
            "--channels", sizes.channels, "--layers", sizes.layers, "--size", sizes.size,
            "--num-classes", sizes.classes, "--in-channels", sizes.in_channels,
            *(["--threads", self.threads] if self.threads > 1 else []), "-o", Path(path))


def measured_operations(kind: str) -> list[str]:
    """The operations that a profile has entries for."""
    if kind == "nasbench201":
        return list(exported.OPERATIONS)
    return [name for name in OPERATIONS[kind] if name != "none"]
