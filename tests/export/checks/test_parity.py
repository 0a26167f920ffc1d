"""Parity limits: the scale of an output, and the float32 error of the network."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import export
from export.checks import parity
from export.checks.parity import LIMIT, Reference, check_parity, scale_of
from export.sources.module import from_module
from zoo.artifact.manifest import Manifest
from zoo.cli import app

GENERATOR = np.random.default_rng(0)
WIDE = GENERATOR.uniform(-400, 400, (4, 10)).astype(np.float32)
SMALL = WIDE * np.float32(1e-4)
#: All near 3, like the outputs of a network that hardly responds to its input.
CLOSE = (3 + GENERATOR.uniform(0, 1e-3, (4, 10))).astype(np.float32)
#: A wide range within a row, and nearly the same row for every input.
ALIKE = (WIDE[:1] + GENERATOR.uniform(0, 0.4, (4, 10))).astype(np.float32)


@pytest.mark.parametrize("value, scale", [
    (WIDE, np.abs(WIDE).max()), (SMALL, np.abs(SMALL).max()), (CLOSE, np.ptp(CLOSE, axis=0).max()),
    (CLOSE[:1], np.ptp(CLOSE[:1])),
    (ALIKE, np.ptp(ALIKE, axis=0).max()), (np.full((2, 3), 7.0), 7.0),
    (np.array([[1, 2], [3, 900]]), 1.0), (np.zeros((2, 0), np.float32), 1e-30)])
def test_scales(value, scale):
    assert scale_of(value) == pytest.approx(scale, rel=1e-3)


def test_a_spread_that_float32_cannot_resolve_does_not_count():
    assert scale_of(CLOSE, float32=1e-3) == CLOSE.max()
    assert scale_of(np.array([[1.0], [1.0 + 2**-23]], np.float32)) == pytest.approx(1)


def off_by(value, share):
    """A hop whose output is wrong by a share of the scale."""
    return lambda inputs: {"y": value[:len(inputs["x"])] + share * scale_of(value)}


@pytest.mark.parametrize("value", [WIDE, SMALL, CLOSE.astype(np.float64)],
                         ids=["wide", "small", "close"])
def test_a_difference_is_relative_to_the_scale(value):
    expected = Reference({"x": np.zeros((4, 1))}, {"y": value})
    limit = expected.limit("y")
    result = check_parity("hop", off_by(value.astype(np.float64), limit / 2), expected)
    assert result.relative and result.limit == limit
    assert result.outputs["y"].limit == pytest.approx(limit * expected.scales["y"])
    with pytest.raises(parity.ParityError, match="y differs by"):
        check_parity("hop", off_by(value, limit * 2), expected)


def test_a_hop_that_ignores_its_input_does_not_agree():
    """Even within 1e-5 of the largest value."""
    value = (3 + GENERATOR.uniform(0, 2e-5, (4, 10))).astype(np.float32)
    expected = Reference({"x": np.zeros((4, 1))}, {"y": value})
    with pytest.raises(parity.ParityError):
        check_parity("hop", lambda inputs: {"y": np.full_like(value, 3)[:len(inputs["x"])]},
                     expected)


def test_every_output_has_its_own_scale():
    expected = Reference({"x": np.zeros((4, 1))}, {"y": WIDE, "z": SMALL})

    def run(inputs):
        return {"y": WIDE[:len(inputs["x"])], "z": SMALL[:len(inputs["x"])] + np.float32(1e-3)}

    with pytest.raises(parity.ParityError, match="z differs by 0.001"):
        check_parity("hop", run, expected)


def test_a_higher_limit_is_noted():
    quiet = Reference({"x": np.zeros((4, 1))}, {"y": WIDE}, float32={"y": 1e-6})
    assert quiet.limit("y") == LIMIT and not quiet.notes()
    noted = Reference({"x": np.zeros((4, 1))}, {"y": WIDE}, float32={"y": 0.1})
    assert noted.limit("y") == pytest.approx(0.4 / np.abs(WIDE).max())
    assert len(noted.notes()) == 1 and "is allowed instead of 1e-05" in noted.notes()[0]
    (note,) = Reference({"x": np.zeros((4, 1))}, {"y": CLOSE}).notes()
    assert note.startswith("The values of y are close together")


class Ill(nn.Module):
    """A difference of large numbers, inaccurate in float32."""

    def forward(self, x):
        return (x * 1e4 + x.sum(1, keepdim=True)) - x * 1e4


def test_a_network_that_is_inaccurate_in_float32_gets_a_note(tmp_path):
    torch.manual_seed(0)
    source = from_module(Ill().eval(), "ill", torch.rand(1, 50))
    (output,) = source.manifest.gives
    assert output.float32 > LIMIT * output.scale
    assert any("float32" in note and "is allowed" in note for note in source.manifest.notes)
    manifest = export.export(Ill().eval(), "onnx", tmp_path / "out", example=torch.rand(1, 50))
    assert "is allowed" in (tmp_path / "out/README.md").read_text()
    assert manifest.parity[0].limit > LIMIT


def test_artifacts_of_earlier_versions_are_verified(tmp_path):
    """They have one limit, and no scales of outputs."""
    from zoo.artifact import folder as artifact

    export.export(nn.Linear(4, 3).eval(), "onnx", tmp_path / "out", example=torch.rand(1, 4))
    path = tmp_path / "out/manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["parity"]:
        del entry["outputs"]
    for tensor in (*manifest["takes"], *manifest["gives"]):
        del tensor["scale"], tensor["float32"]
    path.write_text(json.dumps(manifest))
    assert isinstance(artifact.read_manifest(tmp_path / "out"), Manifest)
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "out")])
    assert result.exit_code == 0 and "agrees" in result.output, result.output
