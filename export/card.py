"""The model card of an artifact: README.md with YAML front matter for model hubs
(https://huggingface.co/docs/hub/model-cards)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from export.formats.base import FORMATS
from zoo.artifact.manifest import CUSTOM, Input, Manifest
from zoo.data.sets.hub import HUB
from zoo.hub.address import SCHEME

#: Identifiers of licenses on the hub (https://huggingface.co/docs/hub/repositories-licenses).
_LICENSES = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0")
#: Measured on the test set, by their names there and in `Manifest.metrics`.
_METRICS = {"accuracy": "test_accuracy", "perplexity": "test_perplexity"}


def text(manifest: Manifest, folder: Path, address: str | None = None) -> str:
    """The card of an artifact, generated from its manifest; with its `address` on a hub, how to
    load it from there."""
    if manifest.network.kind in CUSTOM:
        from export import custom_card

        return custom_card.text(manifest, folder, address)
    parts = [_front_matter(manifest), f"# {manifest.name}\n", _summary(manifest, folder)]
    if address or (folder / "cell.svg").exists():
        parts.append(f"![The cell {manifest.genotype}](cell.svg)\n")
    parts += [_loading(address), _usage(manifest, folder), _parity(manifest),
              _agreement(manifest), _origin(manifest), _license(manifest)]
    return "\n".join(part for part in parts if part)


def _front_matter(manifest: Manifest) -> str:
    image = manifest.task == "image-classification"
    task = "image-classification" if image else "text-generation"
    fields: dict[str, Any] = {
        "library_name": "genotype-zoo", **license_fields(manifest.licence), "pipeline_tag": task,
        "tags": ["neural-architecture-search", manifest.genotype, manifest.network.kind],
    }
    measured = {name: manifest.metrics[key] for name, key in _METRICS.items()
                if manifest.metrics.get(key)}
    if measured:
        data = manifest.metrics["data"]
        data = HUB[data].repository if data in HUB else data
        fields["datasets"] = [data]
        fields["metrics"] = list(measured)
        fields["model-index"] = [{"name": manifest.name, "results": [{
            "task": {"type": task}, "dataset": {"name": _data(manifest), "type": data},
            "metrics": [{"type": name, "value": value} for name, value in measured.items()]}]}]
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---\n"


def license_fields(licence: str) -> dict[str, str]:
    """The license in the front matter; one that the hub does not know becomes a plain name.

    >>> license_fields("Apache-2.0; learned from a data set of 1998")
    {'license': 'apache-2.0'}
    """
    name = re.sub(r"[^a-z0-9.]+", "-", licence.partition(";")[0].lower()).strip("-.")
    if not name:
        return {}
    return {"license": name} if name in _LICENSES else {"license": "other", "license_name": name}


def _license(manifest: Manifest) -> str:
    return f"## License\n\n{manifest.licence}\n" if manifest.licence else ""


def _loading(address: str | None) -> str:
    if address is None:
        return ""
    return ("```python\n"
            "import zoo\n\n"
            f'model = zoo.create_model("{address}")  # in PyTorch, with these weights\n```\n\n'
            f"`zoo build {address} --export tfjs` exports it to other formats.\n")


def _summary(manifest: Manifest, folder: Path) -> str:
    network = manifest.network
    sizes = ", ".join(f"{name.replace('_', ' ')} {value}"
                      for name, value in network.settings().items())
    lines = [f"The {network.kind} network of the cell **{manifest.genotype}** ({sizes}): "
             f"{manifest.parameters:,} parameters"
             + (f", {manifest.multiply_adds:,} multiply-adds per image." if manifest.multiply_adds
                else ".")]
    if not manifest.trained:
        lines.append("**Untrained**: the weights are random, the outputs meaningless.")
    elif accuracy := manifest.metrics.get("test_accuracy"):
        images = manifest.metrics.get("images")
        lines.append(f"Test accuracy {accuracy:.2%} on {_data(manifest)}"
                     + (f" ({images} images)." if images else "."))
    elif perplexity := manifest.metrics.get("test_perplexity"):
        unit = {"char": "character", "word": "word", None: "token"}[manifest.input.unit]
        lines.append(f"Test perplexity {perplexity:.2f} per {unit} on {_data(manifest)}.")
        if lstm := manifest.metrics.get("lstm_perplexity"):
            lines.append(f"An LSTM of {manifest.metrics['lstm_parameters']:,} parameters, trained "
                         f"the same way: {lstm:.2f}.")
    if manifest.precision not in (None, "float32"):
        rounded = [fmt.title for fmt in FORMATS.values()
                   if fmt.stored(manifest.precision) != "float32" and (folder / fmt.place).exists()]
        lines.append(f"The {' and '.join(rounded)} weights are stored in {manifest.precision}.")
    return "\n".join(lines) + "\n"


def _data(manifest: Manifest) -> str:
    """The data set of the metrics, with a remark on it if there is one."""
    return ", ".join(filter(None, (manifest.metrics["data"], manifest.metrics.get("remark"))))


def _usage(manifest: Manifest, folder: Path) -> str:
    if not any((folder / fmt.place).exists() for fmt in FORMATS.values()):
        return ""  # a training, without an export
    if manifest.task != "image-classification":
        tokens = (" `vocabulary.json` lists the tokens in the order of their ids; start a text "
                  "with `hidden` zero." if manifest.input.unit else "")
        return ("Inputs: `tokens` (batch,) int32 and `hidden` (batch, hidden) float32; outputs: "
                f"{', '.join(f'`{name}`' for name in manifest.outputs)}.{tokens}\n")
    size = manifest.input
    assert size.range is not None  # only a language model has none
    low, high = size.range
    lines = [f"Input: `{size.name}`, float32 (batch, {size.height}, {size.width}, "
             f"{size.channels}), raw values {low:g} to {high:g}; the graph normalizes. "
             " Outputs: `logits` and `probabilities`.\n"]
    if (folder / "tfjs").exists():
        lines.append(_javascript(size))
    if (folder / "onnx").exists():
        lines.append(
            "```python\n"
            "session = onnxruntime.InferenceSession('onnx/model.onnx')\n"
            f"logits, probabilities = session.run(None, {{'{size.name}': pixels}})\n```\n")
    return "\n".join(lines)


def _javascript(size: Input) -> str:
    """JavaScript from a picture of any size to its label; as functions, which every build of TF.js
    has."""
    load = "const model = await tf.loadGraphModel('tfjs/model.json');\n"
    if size.channels not in (1, 3):
        shape = f"[1, {size.height}, {size.width}, {size.channels}]"
        return (f"```js\n{load}const {{probabilities}} = model.predict(tf.tensor(values, {shape}));"
                "\n```\n")
    return f"""```js
{load}const {{naturalWidth: w, naturalHeight: h}} = image, side = Math.min(w, h);
const square = await createImageBitmap(image, (w - side) / 2, (h - side) / 2, side, side,
  {{resizeWidth: {size.width}, resizeHeight: {size.height}, resizeQuality: 'high'}});
const pixels = tf.cast(tf.browser.fromPixels(square, {size.channels}), 'float32');
const {{probabilities}} = model.predict(tf.expandDims(pixels));
const label = model.metadata.zoo.labels[tf.argMax(probabilities, 1).dataSync()[0]];
```
"""


def _parity(manifest: Manifest) -> str:
    if not manifest.parity:
        return ""
    from export import custom_card

    notes = [f"* {note}" for note in manifest.notes]
    return "\n".join([custom_card.parity(manifest, "PyTorch in float64"), *notes,
                      *([""] if notes else [])])


def _agreement(manifest: Manifest) -> str:
    if not manifest.agreement:
        return ""
    rows = [f"| {FORMATS[a.format].title} | {a.precision} | {a.share:.2%} | {a.images} of {a.data} "
            f"| {a.where} | {a.bytes / 1e6:.2f} MB | {a.float32_bytes / 1e6:.2f} MB |"
            for a in manifest.agreement]
    return "\n".join(["## Agreement\n", "How often the predicted class is that of the float32 "
                      "network.\n", "| format | weights | same class | test images | runtime | "
                      "size | in float32 |", "|---|---|---|---|---|---|---|", *rows, ""])


def _origin(manifest: Manifest) -> str:
    source, pulled = manifest.source.partition(SCHEME)[0].rstrip("; "), ""
    if SCHEME in manifest.source:
        pulled = f"Pulled from {manifest.source[manifest.source.index(SCHEME):]}."
    if source:
        origin = "found by" if source.startswith("search run ") else "its source:"
        source = f"Not a published cell; {origin} {source}."
    lines = [line for line in (manifest.paper or source, pulled) if line]
    return "## The cell\n\n" + "\n\n".join(lines) + "\n" if lines else ""
