"""The chain from a network to an artifact folder with the requested formats.

PyTorch -> ONNX -> TensorFlow -> TensorFlow.js or TFLite; every hop passes a parity check with the
float64 network before the next one starts.  Intermediate formats are not kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from export import calibration as calibrations
from export import inspection
from export.addition import Kept, kept
from export.checks import parity
from export.checks.parity import Hop
from export.formats.arrays import Arrays
from export.formats.base import (
    CONVERTERS,
    FORMATS,
    INTEGER,
    PRECISIONS,
    Format,
    Options,
    Runner,
    check_packages,
    check_precision,
    hops,
)
from export.logs import ConversionError, captured
from export.network.deploy import Deployed, deploy
from zoo import weights
from zoo.artifact import folder as artifact
from zoo.artifact import names
from zoo.artifact.manifest import Agreement, Fixture, Manifest, Parity
from zoo.genotypes.conv import STOCHASTIC_OPERATIONS
from zoo.genotypes.serialization import Genotype, to_json
from zoo.messages.spelling import choices
from zoo.models import cost
from zoo.plotting.cell import svg
from zoo.system import json_text


@dataclass
class Source:
    """A network to export, in eval mode, with its genotype and metadata.

    `manifest` has all fields except those of the export.  `images` (N, H, W, C), 0..255, with
    `labels` are real inputs for the parity checks and the fixture; the default is noise.  `test`
    is the whole test set, for the agreement of rounded weights; `calibration()` returns training
    images for integer quantization.  `vocabulary` lists the tokens of a language model in the order
    of their ids.  Raises ValueError for a genotype with an operation whose output is random, since
    no two runtimes would agree.
    """

    model: nn.Module
    genotype: Genotype
    manifest: Manifest
    images: np.ndarray | None = None
    labels: list[int] | None = None
    test: np.ndarray | None = None
    calibration: Callable[[], np.ndarray] | None = None
    vocabulary: list[str] | None = None

    def __post_init__(self) -> None:
        used = {operation for cell in self.genotype.cells().values() for operation, _ in cell.edges}
        if random := sorted(used & STOCHASTIC_OPERATIONS):
            raise ValueError(f"{self.manifest.name} has the operation {random[0]}, whose output is "
                             "random, so exports of it could not be checked; choose a cell "
                             "without it")

    def pipeline(self, *args: Any) -> Pipeline:
        """The `Pipeline` of a build of this source."""
        return Pipeline(self, *args)


def build(source: Source, formats: list[str], directory: Path | str, precision: str = "float32",
          converter: str = "zoo", verbose: bool = False,
          report: Callable[[Hop], None] = lambda hop: None,
          started: Callable[[str], None] = lambda name: None, replace: bool = False,
          inspect: bool = False) -> Manifest:
    """Write the artifact folder at `directory` and return its manifest.

    If it has an artifact of the same network, the formats are added to it; with `replace` they
    replace it, except for the history of a training.  `inspect` adds the graph of
    `export.inspection`.  `started` is called before each hop,
    `report` after it.  Raises ValueError for an unknown format, precision or converter;
    MissingPackageError if a hop cannot run here; ArtifactError if the folder cannot be replaced;
    UnsupportedNodeError, ConversionError or ParityError if a hop fails.  Nothing is written then.
    """
    for value, allowed, what in ((precision, PRECISIONS, "precision"),
                                 (converter, CONVERTERS, "converter"),
                                 *((name, FORMATS, "format") for name in formats)):
        if value not in allowed:
            raise ValueError(f"unknown {what} {choices(value, allowed)}")
    if not formats:
        raise ValueError(f"no format to export to; name some of {', '.join(FORMATS)}")
    check_precision(formats, precision)
    calibration = calibrations.inputs_of(source) if precision == INTEGER else None
    chain = hops(formats)
    check_packages(chain, converter)
    stays = kept(source, formats, Path(directory), precision, converter, replace, inspect)
    if inspect:
        inspection.require(source.model, source.manifest, {*formats, *stays.formats})
    source = dataclasses.replace(source, manifest=stays.merged(source.manifest))
    with captured(verbose), artifact.writing(directory, stays.files) as folder:
        pipeline = source.pipeline(folder, formats, precision, converter, report, started, stays,
                                   calibration)
        pipeline.network()
        for hop in chain:
            pipeline.write(hop)
        if inspect:
            pipeline.inspect()
        pipeline.agree()
        pipeline.fixture()
        shutil.rmtree(pipeline.intermediate, ignore_errors=True)
        return artifact.finalize(folder, pipeline.finished_manifest(chain))


class Pipeline:
    """The hops of a build, in order; each stores the input of the next."""

    deployed: Deployed
    expected: parity.Reference
    fixture_entry: Fixture

    def __init__(self, source: Source, folder: Path, formats: list[str], precision: str,
                 converter: str, report: Callable[[Hop], None],
                 started: Callable[[str], None], stays: Kept,
                 calibration: Arrays | None = None) -> None:
        self.source, self.folder, self.formats, self.stays = source, folder, formats, stays
        self.precision, self.converter, self.calibration = precision, converter, calibration
        self.report, self.started = report, started
        self.intermediate = folder / ".intermediate"  # formats that are not kept
        # By format, the input of formats made from it; None: the deployed network.
        self.made: dict[str | None, Any] = {}
        self.parity: list[Parity] = []
        self.agreement: list[Agreement] = []

    def place(self, fmt: str) -> Path:
        """The output path of a format: in the artifact if the format is requested."""
        path = (self.folder if fmt in self.formats else self.intermediate) / FORMATS[fmt].place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def hop(self, name: str) -> Iterator[None]:
        """Time a hop, and reduce errors of a converter to one line."""
        self.started(name)
        start = time.perf_counter()
        before = len(self.parity)
        try:
            yield
        except (ConversionError, parity.ParityError, ValueError, OSError, ImportError):
            raise
        except Exception as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConversionError(f"{name}: the converter failed: {line}") from error
        seconds = time.perf_counter() - start
        checked = self.parity[-1] if len(self.parity) > before else None
        self.report(Hop(name, checked and checked.max_difference, checked and checked.limit,
                        seconds))

    def check_parity(self, hop: str, run: Runner, precision: str) -> None:
        """Compare a hop with the reference.  Raises ParityError."""
        with self.unwritten():
            self.parity.append(parity.check_parity(hop, run, self.expected, precision))

    @contextlib.contextmanager
    def unwritten(self) -> Iterator[None]:
        """Add to a ParityError that nothing was written."""
        try:
            yield
        except parity.ParityError as error:
            raise parity.ParityError(f"{error}; nothing was written. `-v` shows the converter's "
                                     "log") from None

    def network(self) -> None:
        """Write weights, genotype, labels and figure; compute the reference and deploy."""
        source, folder = self.source, self.folder
        pixels = (source.manifest.input.height or 0) * (source.manifest.input.width or 0)
        # A float64 pass over large images is slow, and two of them are enough.
        random = 8 if pixels <= 64 * 64 else 2
        # Before any hop: a network with NaN outputs is not a converter's fault.
        self.expected = parity.reference(source.model, source.manifest.input, source.images, random)
        with self.hop("deploy"):
            weights.save_weights(source.model, folder / weights.WEIGHTS)
            (folder / names.GENOTYPE).write_text(to_json(source.genotype), encoding="utf-8")
            if source.manifest.labels:
                (folder / names.LABELS).write_text("\n".join(source.manifest.labels) + "\n",
                                                   encoding="utf-8")
            if source.vocabulary:
                (folder / artifact.VOCABULARY).write_text(
                    json_text.dumps(source.vocabulary, ensure_ascii=False) + "\n", encoding="utf-8")
            (folder / "cell.svg").write_text(svg(source.genotype, source.manifest.genotype),
                                             encoding="utf-8")
            self.made[None] = self.deployed = deploy(source.model, source.manifest.input)

    def write(self, fmt: Format) -> None:
        """Write a format from its source, and check its parity."""
        precision = fmt.stored(self.precision if fmt.name in self.formats else None)
        with self.hop(fmt.name):
            path = self.place(fmt.name)
            self.made[fmt.name] = fmt.write(
                self.made[fmt.source], path,
                Options(self.metadata(), precision, self.converter,
                        self.calibration if precision == INTEGER else None))
            self.check_parity(fmt.name, fmt.load(path), precision)

    def inspect(self) -> None:
        """Write the graph for looking inside the cells, and check its parity."""
        model, spec = self.source.model, self.source.manifest.input
        with self.hop(inspection.FOLDER):
            place = self.folder / inspection.FOLDER
            inspection.write(model, spec, place, self.intermediate / inspection.FOLDER,
                             self.metadata())
            with self.unwritten():
                self.parity.append(inspection.check(
                    place, inspection.reference(model, spec, self.expected)))

    def agree(self) -> None:
        """Collect the agreement of rounded weights with float32: entries of formats that stay,
        measurements on the test set if it is available, and entries of the source."""
        existing = self.stays.manifest.agreement if self.stays.manifest else []
        self.agreement = [entry for entry in existing if entry.format in self.stays.formats]
        rounded = [name for name in self.formats
                   if FORMATS[name].stored(self.precision) != "float32"]
        if rounded and self.source.test is not None and self.source.manifest.input.data:
            with self.hop("agreement"):
                self.agreement += self.measured(rounded, self.source.test)
        present = {(entry.format, entry.where) for entry in self.agreement}
        self.agreement += [
            entry.model_copy(update=self.weight_bytes(entry.format))
            for entry in self.source.manifest.agreement
            if entry.format in rounded and entry.precision == self.precision
            and (entry.format, entry.where) not in present and self.converter == "zoo"]

    def measured(self, rounded: list[str], test: np.ndarray) -> list[Agreement]:
        """The agreement of the formats with `rounded` weights on `test` images."""
        from export.checks import agreement
        from export.formats import onnx

        spec = self.source.manifest.input
        assert spec.data

        def answers(of: str, run: Runner) -> np.ndarray:
            return agreement.answers(run, spec, test, lambda done: self.started(
                f"agreement: {of} on {done:,} of {len(test):,} test images"))

        expected, entries = answers("float32", onnx.load(self.made["onnx"])), []
        for name in rounded:
            classes = answers(f"{self.precision} {name}", FORMATS[name].load(self.place(name)))
            entries.append(agreement.entry(classes, expected, name, self.precision, spec.data,
                                           "Python", self.weight_bytes(name)))
        return entries

    def weight_bytes(self, name: str) -> dict[str, int]:
        """Bytes of a format with rounded weights and in float32; for TF.js of the weights only."""
        from export.checks import agreement

        path, fmt = self.place(name), FORMATS[name]
        if path.is_dir():
            return agreement.weight_bytes(path)
        float32 = self.intermediate / "float32" / path.name
        float32.parent.mkdir(parents=True, exist_ok=True)
        fmt.write(self.made[fmt.source or name], float32, Options(self.metadata()))
        return {"bytes": path.stat().st_size, "float32_bytes": float32.stat().st_size}

    def metadata(self) -> dict[str, Any]:
        """The metadata stored in the ONNX file and model.json."""
        manifest = self.source.manifest
        return {"name": manifest.name, "genotype": manifest.genotype, "task": manifest.task,
                "labels": manifest.labels, "input": manifest.input.model_dump(exclude_none=True)}

    def fixture(self) -> None:
        """Write the first inputs of the reference and their logits, as raw little-endian float32.

        Inputs of a language model are all token ids, as float32, followed by all hidden states.
        """
        count = self.expected.real or min(4, self.expected.count)
        self.fixture_entry = Fixture(input="fixtures/input.bin", logits="fixtures/logits.bin",
                                     count=count, labels=self.source.labels)
        (self.folder / "fixtures").mkdir()
        inputs = [value[:count].astype("<f4").tobytes() for value in self.expected.inputs.values()]
        (self.folder / "fixtures/input.bin").write_bytes(b"".join(inputs))
        logits = self.expected.outputs["logits"][:count].astype("<f4")
        (self.folder / "fixtures/logits.bin").write_bytes(logits.tobytes())

    def finished_manifest(self, chain: list[Format]) -> Manifest:
        """The manifest with the export fields; also writes the model card."""
        from export import card
        from export.formats import onnx

        own, stays = self.source.manifest, self.stays
        price = None
        if own.task == "image-classification":
            height, width, channels = parity.image_shape(own.input)
            price = cost.cost(self.source.model, (channels, height, width))
        fields = {
            "outputs": list(self.deployed.outputs),
            "parameters": cost.parameters(self.source.model),
            "multiply_adds": price.multiply_adds if price else None,
            "opset": (own.opset if "onnx" in stays.formats else
                      onnx.OPSET if "onnx" in self.made else None),
            "precision": stays.precision or self.precision,
            "converter": (self.converter if any(hop.converts for hop in chain)
                          else stays.converter),
            "tools": stays.tools({"torch"}.union(*(hop.packages for hop in chain))),
            "rewrites": [rewrite.model_dump() for rewrite in self.deployed.rewrites],
            "parity": [entry.model_dump() for entry in stays.parity(self.parity)],
            "agreement": [entry.model_dump() for entry in self.agreement],
            "fixture": self.fixture_entry.model_dump(),
            "notes": self.expected.notes(),
        }
        manifest = Manifest.model_validate(own.model_dump() | fields)
        (self.folder / "README.md").write_text(card.text(manifest, self.folder), encoding="utf-8")
        return manifest
