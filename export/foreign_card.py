"""The model card of a network that came as an ONNX file: its tensors and its parity."""

from __future__ import annotations

from pathlib import Path

import yaml

from zoo.artifact.manifest import Manifest, Tensor


def text(manifest: Manifest, folder: Path) -> str:
    """The card of a finished export; it quotes only what the manifest says."""
    assert manifest.origin
    fields = {"library_name": "genotype-zoo", "tags": ["onnx"]}
    lines = [f"---\n{yaml.safe_dump(fields, sort_keys=False)}---\n", f"# {manifest.name}\n",
             f"Made from `{manifest.origin.file}` (sha256 `{manifest.origin.sha256}`), "
             f"{manifest.parameters:,} parameters.\n", *(f"* {note}" for note in manifest.notes),
             *([""] if manifest.notes else []), "## Inputs and outputs\n",
             "| | name | type | shape |", "|---|---|---|---|",
             *(_row("takes", each) for each in manifest.takes),
             *(_row("gives", each) for each in manifest.gives), ""]
    if (folder / "tfjs").exists():
        lines += ["```js", "const model = await tf.loadGraphModel('tfjs/model.json');",
                  "const outputs = model.predict({"
                  + ", ".join(f"{each.name}: ..." for each in manifest.takes) + "});", "```", ""]
    if (folder / "onnx").exists():
        lines += ["```python", "session = onnxruntime.InferenceSession('onnx/model.onnx')",
                  "outputs = session.run(None, {"
                  + ", ".join(f"'{each.name}': ..." for each in manifest.takes) + "})", "```", ""]
    if manifest.parity:
        lines += ["## Parity\n", "Largest difference from ONNX Runtime on the file as it was, as "
                  "a share of the largest value of the output.\n",
                  "| hop | max difference | limit | inputs |", "|---|---|---|---|",
                  *(f"| {p.hop} | {p.max_difference:.1e} | {p.limit:.1e} | {p.inputs} |"
                    for p in manifest.parity), ""]
    return "\n".join(lines)


def _row(side: str, tensor: Tensor) -> str:
    shape = ", ".join("batch" if size is None else str(size) for size in tensor.shape)
    return f"| {side} | `{tensor.name}` | {tensor.dtype} | ({shape}) |"
