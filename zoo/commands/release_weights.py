"""Ships a finished run: writes its weights and their card to `zoo/weights/`.

    python -m zoo.commands.release_weights runs/DARTS_V1-digits
    python -m zoo.commands.release_weights runs/DARTS_V2-cifar10 --path ~/cifar10 \\
        --remark "JPEG-75 re-encoding"
    python -m zoo.commands.release_weights runs/ENAS_RNN-shakespeare --data shakespeare.txt \\
        --lstm runs/LSTM

The weights become float16, and the card has the accuracy or perplexity of the rounded weights.  The
run folder must be as written by `zoo train`.
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

#: License of the shipped weights by their training data.
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
    """Write the float16 weights and the card of a run to `target`; return the card.

    `path` is the folder of the data set, `remark` a remark on that copy of it; `text` is the
    training text of a language model, `lstm` the run of an LSTM to compare with.
    Writes nothing before the evaluation is complete.  Raises ArtifactError or WeightsError for a
    folder that is not a finished run, whose cell does not match its name, or whose data set has no
    license in `LICENSES`, UnknownCellError for an unregistered cell, DataError for data that cannot
    be read.
    """
    model, manifest = load_artifact(run)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    known, data = record(manifest.genotype), manifest.input.data
    if known.genotype != read_genotype(run, manifest):
        raise WeightsError(f"{run} is named {known.name} but has another cell; ship only "
                           "registered cells")
    cell = known.name
    if data not in LICENSES:
        raise WeightsError(f"{Path(__file__).name} has no license for weights trained on {data}; "
                           f"it has {', '.join(LICENSES)}")
    # A single key, since the order of several, and so the sha256, would vary between processes.
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
    seconds = sum(training["seconds"] for training in [manifest.metrics, *earlier])
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
        # Of the float32 file, from which a training may have continued as well.
        "run_sha256": hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest(),
    }
    if before and before["sha256"] == card["sha256"] and "agreement" in before:
        card["agreement"] = before["agreement"]  # the weights have not changed
    target.mkdir(parents=True, exist_ok=True)
    write_whole(target / f"{cell}-{data}.safetensors", content)
    write_whole(place, json_bytes(card))
    return card


def _earlier(before: dict[str, Any] | None, started_from: str | None) -> list[dict[str, Any]]:
    """The earlier trainings of the weights, oldest first, if the card `before` belongs to the
    weights with the sha256 `started_from`.

    They complete the epochs and hours of a continued training.
    """
    if started_from is None or before is None:
        return []
    if before.get("weights_sha256") == started_from:  # shipped again
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
    """The training text of the model.  Raises WeightsError if the vocabulary differs."""
    assert manifest.input.data is not None  # checked by `ship`
    text = named_text(where or manifest.input.data, path, manifest.input.unit)
    if text.vocabulary != vocabulary:
        raise WeightsError(f"{where or path} is not the training text of {manifest.name}")
    return text


def _language_card(model: LanguageModel, manifest: Manifest, text: TextData,
                   lstm: Path | None) -> dict[str, Any]:
    """The entries of a language model's card; `lstm` is the run folder of an LSTM."""
    data = manifest.input.data
    entries: dict[str, Any] = {
        **measures(model, text, manifest.metrics.get("test_columns", 10)),
        "tokens": len(text.test), "unit": text.by, "vocabulary": text.vocabulary}
    if lstm is not None:
        measured = json.loads((lstm / MEASURED).read_text(encoding="utf-8"))
        if measured["data"] != data:
            raise WeightsError(f"{lstm} is an LSTM trained on {measured['data']}, not on {data}")
        entries["lstm_perplexity"] = measured["test_perplexity"]
        entries["lstm_parameters"] = measured["parameters"]
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m zoo.commands.release_weights",
                                     description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, help="finished run folders of `zoo train`")
    parser.add_argument("--path", type=Path, help="folder of the data set")
    parser.add_argument("--data", help="training text of a language model")
    parser.add_argument("--lstm", type=Path, help="run folder of the LSTM to compare with")
    parser.add_argument("--remark", help="remark on this copy of the data set")
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
