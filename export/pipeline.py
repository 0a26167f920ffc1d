"""The chain: one network to one artifact folder in the formats asked for.

PyTorch -> ONNX -> TensorFlow -> TensorFlow.js or TFLite, every hop compared with the float64
network before the next one starts.  What is not asked for is made in passing and not kept.
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
from zoo.genotypes.serialization import Genotype, to_json
from zoo.messages.spelling import choices
from zoo.models import cost
from zoo.plotting.cell import svg
from zoo.system import json_text


@dataclass
class Source:
    """What is exported: a network in eval mode, its genotype, and what is known of it.

    `manifest` has everything but the export fields.  `images` (N, H, W, C), 0..255, with `labels`
    are real inputs for parity and for the fixture; without them noise is used.  `test` are all
    test images, for the agreement of rounded weights, and `calibration()` gives training images
    for the ranges of integers.  `vocabulary` lists the tokens of a language model in order of
    their ids.
    """

    model: nn.Module
    genotype: Genotype
    manifest: Manifest
    images: np.ndarray | None = None
    labels: list[int] | None = None
    test: np.ndarray | None = None
    calibration: Callable[[], np.ndarray] | None = None
    vocabulary: list[str] | None = None

    def pipeline(self, *given: Any) -> Pipeline:
        """The hops of a build of this source, see `Pipeline`."""
        return Pipeline(self, *given)


def build(source: Source, formats: list[str], directory: Path | str, precision: str = "float32",
          converter: str = "zoo", verbose: bool = False,
          report: Callable[[Hop], None] = lambda hop: None,
          started: Callable[[str], None] = lambda name: None, replace: bool = False) -> Manifest:
    """Write the artifact folder at `directory` and return its manifest.

    Where it holds an artifact of the same network the formats are added to those that are there;
    with `replace` what is there goes, except for the history of a training.
    `report` is called after each hop, `started` before.  Raises ValueError for an unknown
    format, precision or converter; MissingPackageError when a hop cannot run here;
    ArtifactError when the folder cannot be replaced; UnsupportedNodeError, ConversionError or
    ParityError when a hop fails, and then nothing is written.
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
    stays = kept(source, formats, Path(directory), precision, converter, replace)
    source = dataclasses.replace(source, manifest=stays.known(source.manifest))
    with captured(verbose), artifact.writing(directory, stays.files) as folder:
        pipeline = source.pipeline(folder, formats, precision, converter, report, started, stays,
                                   calibration)
        pipeline.network()
        for hop in chain:
            pipeline.write(hop)
        pipeline.agree()
        pipeline.fixture()
        shutil.rmtree(pipeline.intermediate, ignore_errors=True)
        return artifact.finalize(folder, pipeline.finished_manifest(chain))


class Pipeline:
    """The hops of one build, in order; each leaves what the next one reads."""

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
        self.intermediate = folder / ".intermediate"  # made on the way and not kept
        # By format, what those made from it are given; None: the network.
        self.made: dict[str | None, Any] = {}
        self.parity: list[Parity] = []
        self.agreement: list[Agreement] = []

    def place(self, fmt: str) -> Path:
        """Where a hop writes: in the artifact when the format was asked for."""
        path = (self.folder if fmt in self.formats else self.intermediate) / FORMATS[fmt].place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def hop(self, name: str) -> Iterator[None]:
        """Times a hop and turns whatever a converter throws into one line."""
        self.started(name)
        start = time.perf_counter()
        found = len(self.parity)
        try:
            yield
        except (ConversionError, parity.ParityError, ValueError, OSError, ImportError):
            raise
        except Exception as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConversionError(f"{name}: the converter failed: {line}") from error
        seconds = time.perf_counter() - start
        checked = self.parity[-1] if len(self.parity) > found else None
        self.report(Hop(name, checked and checked.max_difference, checked and checked.limit,
                        seconds))

    def check_parity(self, hop: str, run: Runner, precision: str) -> None:
        """What a hop computes beside the reference; ParityError says that nothing was written."""
        try:
            self.parity.append(parity.check_parity(hop, run, self.expected, precision))
        except parity.ParityError as error:
            raise parity.ParityError(f"{error}; nothing was written. `-v` shows the converter's "
                                     "log") from None

    def network(self) -> None:
        """The PyTorch side: weights, genotype, labels, figure; deploy, and the reference."""
        source, folder = self.source, self.folder
        pixels = (source.manifest.input.height or 0) * (source.manifest.input.width or 0)
        # A float64 pass over large images is slow: two of them say as much.
        random = 8 if pixels <= 64 * 64 else 2
        # Before any hop: a network that computes nothing is not a converter's fault.
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
        """One hop: the format from its source, and what it computes beside the reference."""
        precision = fmt.stored(self.precision if fmt.name in self.formats else None)
        with self.hop(fmt.name):
            place = self.place(fmt.name)
            self.made[fmt.name] = fmt.write(
                self.made[fmt.source], place,
                Options(self.metadata(), precision, self.converter,
                        self.calibration if precision == INTEGER else None))
            self.check_parity(fmt.name, fmt.load(place), precision)

    def agree(self) -> None:
        """What is known of how often rounded weights give the answer of float32, and what is
        measured here, on all test images that are at hand."""
        known = self.stays.manifest.agreement if self.stays.manifest else []
        self.agreement = [entry for entry in known if entry.format in self.stays.formats]
        rounded = [name for name in self.formats
                   if FORMATS[name].stored(self.precision) != "float32"]
        if rounded and self.source.test is not None and self.source.manifest.input.data:
            with self.hop("agreement"):
                self.agreement += self.measured(rounded, self.source.test)
        told = {(entry.format, entry.where) for entry in self.agreement}
        self.agreement += [
            entry.model_copy(update=self.weight_bytes(entry.format))
            for entry in self.source.manifest.agreement
            if entry.format in rounded and entry.precision == self.precision
            and (entry.format, entry.where) not in told and self.converter == "zoo"]

    def measured(self, rounded: list[str], test: np.ndarray) -> list[Agreement]:
        """The formats of `rounded` weights beside float32 ones, on `test` images."""
        from export.checks import agreement
        from export.formats import onnx

        spec = self.source.manifest.input
        assert spec.data

        def answers(of: str, run: Runner) -> np.ndarray:
            return agreement.answers(run, spec, test, lambda done: self.started(
                f"agreement: {of} on {done:,} of {len(test):,} test images"))

        expected, found = answers("float32", onnx.load(self.made["onnx"])), []
        for name in rounded:
            given = answers(f"{self.precision} {name}", FORMATS[name].load(self.place(name)))
            found.append(agreement.entry(given, expected, name, self.precision, spec.data,
                                         "Python", self.weight_bytes(name)))
        return found

    def weight_bytes(self, name: str) -> dict[str, int]:
        """Bytes of a format with rounded weights and of the same in float32; of TF.js those of the
        weights alone."""
        from export.checks import agreement

        place, fmt = self.place(name), FORMATS[name]
        if place.is_dir():
            return agreement.weight_bytes(place)
        plain = self.intermediate / "float32" / place.name
        plain.parent.mkdir(parents=True, exist_ok=True)
        fmt.write(self.made[fmt.source or name], plain, Options(self.metadata()))
        return {"bytes": place.stat().st_size, "float32_bytes": plain.stat().st_size}

    def metadata(self) -> dict[str, Any]:
        """What travels inside the ONNX file and model.json."""
        known = self.source.manifest
        return {"name": known.name, "genotype": known.genotype, "task": known.task,
                "labels": known.labels, "input": known.input.model_dump(exclude_none=True)}

    def fixture(self) -> None:
        """The first inputs of the reference and their logits, as raw little-endian float32.

        A step of a language model starts from token ids and a state, so its inputs stand one
        after the other: all ids, as float32, then all states.
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
        """The manifest with the export fields; also writes the model card, which quotes it."""
        from export import card
        from export.formats import onnx

        known, stays = self.source.manifest, self.stays
        price = None
        if known.task == "image-classification":
            height, width, channels = parity.image_shape(known.input)
            price = cost.cost(self.source.model, (channels, height, width))
        fields = {
            "outputs": list(self.deployed.outputs),
            "parameters": cost.parameters(self.source.model),
            "multiply_adds": price.multiply_adds if price else None,
            "opset": (known.opset if "onnx" in stays.formats else
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
        manifest = Manifest.model_validate(known.model_dump() | fields)
        (self.folder / "README.md").write_text(card.text(manifest, self.folder), encoding="utf-8")
        return manifest
