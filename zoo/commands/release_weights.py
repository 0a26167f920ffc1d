"""Ship a finished run: writes its weights and their card into `zoo/weights/`.

    python -m zoo.commands.release_weights runs/DARTS_V1-digits
    python -m zoo.commands.release_weights runs/DARTS_V2-cifar10 --path ~/cifar10 \\
        --remark "JPEG-75 re-encoding"
    python -m zoo.commands.release_weights runs/ENAS_RNN-shakespeare --data shakespeare.txt \\
        --lstm runs/LSTM

The weights become float16, and the accuracy or perplexity on the card is measured anew with the
rounded values.  The run folder must be what `zoo train` left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from torch import nn

from zoo.artifact.folder import json_bytes, read_genotype, read_vocabulary
from zoo.artifact.manifest import Manifest
from zoo.data.base import ImageData
from zoo.data.images import load
from zoo.data.text import TextData, named_text
from zoo.models.recurrent import LanguageModel
from zoo.registry import UnknownCellError, record
from zoo.system.files import write_whole
from zoo.training.evaluation import predict, score
from zoo.training.losses import measures
from zoo.training.lstm_baseline import MEASURED
from zoo.weights import HERE, WEIGHTS, WeightsError, load_artifact, load_weights, packed

#: License of the shipped weights by the data that they learned from.
LICENSES = {
    "digits": "Apache-2.0; learned from the UCI Optical Recognition of Handwritten Digits, "
              "E. Alpaydin and C. Kaynak 1998, CC BY 4.0",
    "cifar10": "Apache-2.0; learned from CIFAR-10, A. Krizhevsky 2009, which names no license",
    "shakespeare": "Apache-2.0; learned from the plays of William Shakespeare, public domain",
    "wikitext2": "Apache-2.0; learned from WikiText-2, S. Merity et al. 2016, articles of "
                 "Wikipedia, CC BY-SA 3.0 and GFDL",
}


def ship(run: Path, target: Path = HERE, *, text: str | None = None, path: Path | None = None,
         lstm: Path | None = None, remark: str | None = None) -> dict[str, Any]:
    """Write float16 weights and the card of the run into `target`; the card.

    `path` is where the data set lies, `remark` what is to be known of that copy of it; `text` is
    the file that a language model learned from, `lstm` the run of an LSTM to compare with.
    Nothing is written before all is measured.  Raises ArtifactError or WeightsError for a folder
    that is no finished run, of another cell than its name says, or of a data set whose license is
    not stated here, UnknownCellError for a cell that is not registered, DataError for data that
    cannot be read.
    """
    model, manifest = load_artifact(run)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    known, data = record(manifest.genotype), manifest.input.data
    if known.genotype != read_genotype(run, manifest):
        raise WeightsError(f"{run} is a network of another cell than {known.name}, which it is "
                           "called; only registered cells are shipped")
    cell = known.name
    if data not in LICENSES:
        raise WeightsError(f"the license of {data} is not stated in {Path(__file__).name}; weights "
                           f"can be shipped of {', '.join(LICENSES)}")
    # One key: of several the order would change from process to process, and the sha256 with it.
    content = packed(model, half=True, metadata={"weights": f"{cell}-{data}"})
    load_weights(model, content, str(run))
    if manifest.network.kind == "language":
        assert isinstance(model, LanguageModel)
        read = _read_text(manifest, read_vocabulary(run, manifest), text, path)
        measured = _language_card(model, manifest, read, lstm)
    else:
        measured = _accuracy(model, load(data, path)) | {
            "labels": manifest.labels, "multiply_adds": manifest.multiply_adds}
    place = target / f"{cell}-{data}.json"
    before = json.loads(place.read_text(encoding="utf-8")) if place.exists() else None
    earlier = _earlier(before, manifest.metrics.get("weights_sha256"))
    seconds = sum(sitting["seconds"] for sitting in [manifest.metrics, *earlier])
    card: dict[str, Any] = {
        "cell": cell, "data": data, **({"remark": remark} if remark else {}), **measured,
        "network": manifest.network.model_dump(exclude_none=True),
        "input": manifest.input.model_dump(exclude_none=True),
        "parameters": manifest.parameters, "recipe": config["recipe"],
        "training_precision": config["precision"],
        **{fact: manifest.metrics[fact] for fact in ("epochs", "seed", "hardware", "seconds")},
        **{fact: manifest.metrics[fact] for fact in ("started_from", "weights_sha256")
           if fact in manifest.metrics},
        **({"earlier": earlier} if earlier else {}),
        "hours": round(seconds / 3600, 2), "tools": manifest.tools, "precision": "float16",
        "licence": LICENSES[data],
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        # Of the float32 file, which a training may have gone on from as well.
        "run_sha256": hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest(),
    }
    if before and before["sha256"] == card["sha256"] and "agreement" in before:
        card["agreement"] = before["agreement"]  # of the same weights, so that it still holds
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / f"{cell}-{data}.safetensors", content)
    write_whole(place, json_bytes(card))
    return card


def _earlier(before: dict[str, Any] | None, started_from: str | None) -> list[dict[str, Any]]:
    """The trainings, oldest first, behind the weights with this sha256, if the card `before` is
    theirs.

    Without them the epochs and hours of a training that went on would look like all of them.
    """
    if started_from is None or before is None:
        return []
    if before.get("weights_sha256") == started_from:  # shipped once more
        return before.get("earlier", [])
    if started_from not in (before["sha256"], before.get("run_sha256")):
        return []
    facts = ("epochs", "seconds", "hardware", "sha256", "recipe", "training_precision")
    return [*before.get("earlier", []), {fact: before[fact] for fact in facts if fact in before}]


def _accuracy(model: nn.Module, images: ImageData) -> dict[str, Any]:
    logits = predict(model, images.test.images, images.mean, images.std)
    result = score(logits, images.test.labels, len(images.labels))
    return {"test_accuracy": result.accuracy, "images": result.images,
            "largest_logit": round(float(logits.abs().max()), 3)}


def _read_text(manifest: Manifest, vocabulary: list[str] | None, where: str | None,
               path: Path | None) -> TextData:
    """The text that the model learned from.  Raises WeightsError when it is another."""
    assert manifest.input.data is not None  # `ship` knows its license
    text = named_text(where or manifest.input.data, path, manifest.input.unit)
    if text.vocabulary != vocabulary:
        raise WeightsError(f"{where or path} is not the text that {manifest.name} learned from")
    return text


def _language_card(model: LanguageModel, manifest: Manifest, text: TextData,
                   lstm: Path | None) -> dict[str, Any]:
    """What the card says of a language model only; `lstm` is the run folder of an LSTM."""
    data = manifest.input.data
    found: dict[str, Any] = {
        **measures(model, text, manifest.metrics.get("test_columns", 10)),
        "tokens": len(text.test), "unit": text.by, "vocabulary": text.vocabulary}
    if lstm is not None:
        measured = json.loads((lstm / MEASURED).read_text(encoding="utf-8"))
        if measured["data"] != data:
            raise WeightsError(f"{lstm} is an LSTM of {measured['data']}, not of {data}")
        found["lstm_perplexity"] = measured["test_perplexity"]
        found["lstm_parameters"] = measured["parameters"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m zoo.commands.release_weights",
                                     description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders that `zoo train` finished")
    parser.add_argument("--path", type=Path, help="where the data set lies")
    parser.add_argument("--data", help="the file that a language model learned from")
    parser.add_argument("--lstm", type=Path, help="run folder of the LSTM to compare with")
    parser.add_argument("--remark", help="what is to be known of this copy of the data set")
    given = parser.parse_args()
    for run in given.runs:
        try:
            card = ship(run, text=given.data, path=given.path, lstm=given.lstm,
                        remark=given.remark)
        except (OSError, ValueError, UnknownCellError) as error:
            raise SystemExit(f"error: {error}") from None
        measure = (f"{card['test_accuracy']:.4f} test accuracy" if "test_accuracy" in card
                   else f"test perplexity {card['test_perplexity']:.3f}")
        print(f"{card['cell']}-{card['data']}: {measure}, {card['bytes'] / 1000:.0f} kB")


if __name__ == "__main__":
    main()
