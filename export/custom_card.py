"""The model card of a custom model: its tensors and its parity."""

from __future__ import annotations

from pathlib import Path

import yaml

from zoo.artifact.manifest import Manifest, Tensor
from zoo.hub.address import SCHEME


def text(manifest: Manifest, folder: Path, address: str | None = None) -> str:
    """The card of a finished export, generated from its manifest; with its `address` on a hub, how
    to get it from there."""
    assert manifest.origin
    fields = {"library_name": "genotype-zoo", "tags": [manifest.network.kind]}
    lines = [f"---\n{yaml.safe_dump(fields, sort_keys=False)}---\n", f"# {manifest.name}\n",
             f"Made from `{manifest.origin.file}` (sha256 `{manifest.origin.sha256}`), "
             f"{manifest.parameters:,} parameters.\n", *(f"* {note}" for note in manifest.notes),
             *([""] if manifest.notes else []), *_download(manifest, address),
             "## Inputs and outputs\n",
             "| | name | type | shape |", "|---|---|---|---|",
             *(_row("input", each) for each in manifest.takes),
             *(_row("output", each) for each in manifest.gives), ""]
    if manifest.task == "image-classification" and manifest.input.range:
        low, high = manifest.input.range
        lines += [f"Pixels are raw values from {low:g} to {high:g}; the graph normalizes them. "
                  "`labels.txt` names the classes.\n"]
    if (folder / "tfjs").exists():
        lines += ["```js", "const model = await tf.loadGraphModel('tfjs/model.json');",
                  "const outputs = model.predict({"
                  + ", ".join(f"{each.name}: ..." for each in manifest.takes) + "});", "```", ""]
    if (folder / "onnx").exists():
        lines += ["```python", "session = onnxruntime.InferenceSession('onnx/model.onnx')",
                  "outputs = session.run(None, {"
                  + ", ".join(f"'{each.name}': ..." for each in manifest.takes) + "})", "```", ""]
    if manifest.parity:
        reference = ("ONNX Runtime on the original file" if manifest.network.kind == "onnx"
                     else "PyTorch in float64")
        lines += [parity(manifest, reference)]
    return "\n".join(lines)


def _download(manifest: Manifest, address: str | None) -> list[str]:
    if address is None:
        return []
    repository = address.removeprefix(SCHEME)
    return ["```sh", f"hf download {repository} --local-dir {manifest.name}",
            f"zoo verify {manifest.name}", "```", ""]


def parity(manifest: Manifest, reference: str) -> str:
    """The table of parity results by hop and output."""
    lines = ["## Parity\n",
             f"Largest difference from {reference}. The scale of an output is its largest value, "
             "or the spread of its values if they are close together.\n",
             "| hop | output | max difference | limit | scale | inputs |",
             "|---|---|---|---|---|---|"]
    for entry in manifest.parity:
        lines += [f"| {entry.hop} | `{name}` | {each.max_difference:.1e} | {each.limit:.1e} | "
                  f"{each.scale:.3g} | {entry.inputs} |" for name, each in entry.outputs.items()]
        if not entry.outputs:  # written by an earlier version
            lines.append(f"| {entry.hop} | | {entry.max_difference:.1e} | {entry.limit:.1e} | | "
                         f"{entry.inputs} |")
    return "\n".join([*lines, ""])


def _row(side: str, tensor: Tensor) -> str:
    shape = ", ".join("batch" if size is None else str(size) for size in tensor.shape)
    return f"| {side} | `{tensor.name}` | {tensor.dtype} | ({shape}) |"
