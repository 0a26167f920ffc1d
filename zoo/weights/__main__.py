"""Ship a finished run: ``python -m zoo.weights runs/DARTS_V1-digits`` writes it in here.

The weights become float16 and the accuracy on the card is measured anew with the rounded
values.  The run folder must be what `zoo train` left.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from zoo.datasets import load
from zoo.evaluate import predict, score
from zoo.registry import record
from zoo.weights import HERE, load_artifact, load_weights, save_weights

#: Licence of the shipped weights by the data that they learned from.
LICENCES = {
    "digits": "Apache-2.0; learned from the UCI Optical Recognition of Handwritten Digits, "
              "E. Alpaydin and C. Kaynak 1998, CC BY 4.0",
}


def ship(run: Path, target: Path = HERE) -> dict:
    """Write float16 weights and the card of the run into `target`; the card.

    Raises ArtifactError or WeightsError for a folder that is no finished run, KeyError for a
    data set whose licence is not stated here.
    """
    model, manifest = load_artifact(run)
    recipe = json.loads((run / "config.json").read_text(encoding="utf-8"))["recipe"]
    data = load(manifest.input.data)
    cell = record(manifest.genotype).name
    path = target / f"{cell}-{data.name}.safetensors"
    target.mkdir(parents=True, exist_ok=True)
    save_weights(model, path, half=True, metadata={"cell": cell, "data": data.name})
    load_weights(model, path)
    logits = predict(model, data.test.images, data.mean, data.std)
    result = score(logits, data.test.labels, len(data.labels))
    content = path.read_bytes()
    card = {
        "cell": cell, "data": data.name,
        "test_accuracy": result.accuracy, "images": result.images,
        "largest_logit": round(float(logits.abs().max()), 3),
        "network": manifest.network.model_dump(exclude_none=True),
        "input": manifest.input.model_dump(exclude_none=True),
        "labels": manifest.labels, "parameters": manifest.parameters,
        "multiply_adds": manifest.multiply_adds, "recipe": recipe,
        **{fact: manifest.metrics[fact] for fact in ("epochs", "seed", "hardware", "seconds")},
        "tools": manifest.tools, "precision": "float16", "licence": LICENCES[data.name],
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
    }
    (target / f"{cell}-{data.name}.json").write_text(
        json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return card


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("error: name the run folders to ship: python -m zoo.weights runs/DARTS_V1-digits")
    for name in sys.argv[1:]:
        shipped = ship(Path(name))
        print(f"{shipped['cell']}-{shipped['data']}: {shipped['test_accuracy']:.4f} test accuracy, "
              f"{shipped['bytes'] / 1000:.0f} kB")
