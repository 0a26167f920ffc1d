"""`zoo score`: output, tables of cells, resumption and errors."""

import json
import math

import numpy as np
import pytest

import zoo
from tests.zoo.commands.test_cells import failed, own_data, run, succeeded  # noqa: F401
from zoo.scores import SCORES
from zoo.scores.correlation import kendall, spearman

SMALL = ["--channels", "4", "--layers", "3", "--batch", "4", "--size", "8"]
NAMES = ["DARTS_V1", "DARTS_V2", "NASNet_A", "SNAS_mild", "AmoebaNet_A"]


@pytest.fixture
def table(tmp_path):
    """Five cells and two columns of figures, one with a missing value."""
    rows = [f'"{zoo.genotype(name)}",{number},{-number if number else ""}'
            for number, name in enumerate(NAMES)]
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(["genotype,accuracy,loss", *rows]) + "\n")
    return path


def values(*arguments):
    result = run("score", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_score_of_some_cells():
    found = values("DARTS", "NASNet", *SMALL, "--score", "all")
    assert [cell["cell"] for cell in found["cells"]] == ["DARTS", "NASNet"]
    for cell in found["cells"]:
        assert cell["scores"].keys() == cell["seconds"].keys() == SCORES.keys()
        assert all(math.isfinite(value) for value in cell["scores"].values())
    result = run("score", "DARTS", *SMALL)
    assert result.stdout.splitlines()[0].split() == ["cell", "nwot", "synflow", "params", "flops",
                                                     "seconds"]
    assert "random input (Gaussian noise, random labels); seed 0" in result.stdout


def test_images_of_a_data_set():
    found = values("DARTS", *SMALL[:6], "--data", "digits", "--score", "snip,nwot", "--seeds", "2")
    assert found["data"] == "digits" and list(found["cells"][0]["scores"]) == [
        "snip", "nwot", "params", "flops"]


def test_scores_against_a_table(table):
    found = values("--against", table, "accuracy", *SMALL, "--score", "l2_norm")
    known = values(*NAMES, *SMALL, "--score", "l2_norm")["cells"]
    for name, one in found["scores"].items():
        mine = [cell["scores"][name] for cell in known]
        assert one["spearman"]["value"] == pytest.approx(spearman(mine, range(5)).value)
        assert one["kendall"]["value"] == pytest.approx(kendall(mine, range(5)).value)
        assert one["spearman"]["low"] <= one["spearman"]["value"] <= one["spearman"]["high"]
    assert list(found["scores"]) == ["l2_norm", "params", "flops"]
    assert values("--against", table, "loss", *SMALL, "--score", "params")["cells"] == 4
    lines = run("score", "--against", table, "accuracy", *SMALL, "--cells", "3").stdout
    assert lines.splitlines()[-1].startswith("3 cells of ")


def test_an_interrupted_comparison_resumes(table, tmp_path, monkeypatch):
    from zoo.scores import many

    kept = tmp_path / "scores.jsonl"
    options = ["--against", table, "accuracy", *SMALL, "--score", "nwot", "-o", kept]
    whole = values(*options)
    lines = kept.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + len(NAMES)
    kept.write_bytes(b"".join(lines[:3]) + lines[3][:20])  # killed during a write
    scored = []
    score_cell = many.score_cell
    monkeypatch.setattr(many, "score_cell", lambda genotype, *rest: (
        scored.append(genotype), score_cell(genotype, *rest))[1])
    again = values(*options)
    assert scored == [zoo.genotype(name) for name in NAMES[2:]]
    for name, one in whole["scores"].items():
        assert again["scores"][name]["spearman"] == one["spearman"]
    assert "holds scores of other cells or settings" in failed(
        "score", *options[:-2], "--seed", "1", "-o", kept)
    kept.write_bytes(b"no scores\n")
    assert "is damaged or not a file of scores" in failed("score", *options)
    assert kept.read_bytes() == b"no scores\n"


@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_an_undefined_score_ranks_lowest_before_and_after_an_interruption(
        undefined, tmp_path, monkeypatch):
    from zoo.scores import many
    from zoo.scores.scoring import CellScores, Setting

    found = iter([undefined, 1.0])
    monkeypatch.setattr(many, "score_cell", lambda genotype, setting, names: CellScores(
        {"nwot": next(found)}, {"nwot": 0.123456}))
    cells = [zoo.genotype(name) for name in NAMES[:2]]
    kept = tmp_path / "scores.jsonl"
    whole = many.score_cells(cells, Setting(), ["nwot"], kept)
    assert whole == many.score_cells(cells, Setting(), ["nwot"], kept)
    assert [one.values["nwot"] for one in whole] == [-math.inf, 1.0]


@pytest.mark.parametrize("arguments, message", [
    ([], "name at least one cell, or a table with --against"),
    (["DARTS", "--score", "nwott"], "unknown score 'nwott'; did you mean nwot"),
    (["DARTS", "--cells", "3"], "--cells applies only to --against; leave it out"),
    (["ENAS_RNN"], "ENAS_RNN is a recurrent cell, which has no image network to score"),
    (["DARTS", "--path", "."], "--path is the folder of a data set; add --data"),
    (["DARTS", "--data", "digits", "--batch", "5000"], "fewer than a batch of 5,000"),
    (["DARTS", "--network", "cifra"], "unknown network 'cifra'"),
    (["DARTS", "--channels", "0"], "channels must be a whole number of at least 1"),
])
def test_invalid_options_are_refused(arguments, message):
    result = run("score", *arguments)
    assert result.exit_code == 1 and message in result.stderr.splitlines()[-1]


def test_invalid_options_of_a_table_are_refused(table):
    for arguments, message in (
            (["DARTS", "--against", table, "accuracy"], "leave the other cells out"),
            (["--against", table, "accurracy"], "has no column 'accurracy'; did you mean accuracy"),
            (["--against", table, "accuracy", "--cells", "9"], "has 5 cells with a figure"),
            (["--against", table, "genotype"], "has no column 'genotype'")):
        assert message in failed("score", *arguments)


def test_coefficients_match_their_definitions():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 6, (2, 40)).astype(float)  # with ties

    def ranks(values):
        return [sum(other < one for other in values) + (sum(other == one for other in values) + 1)
                / 2 for one in values]

    a, b = np.array(ranks(x)), np.array(ranks(y))
    a, b = a - a.mean(), b - b.mean()
    assert spearman(x, y).value == pytest.approx((a @ b) / math.sqrt((a @ a) * (b @ b)))
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i in range(40) for j in range(i)]
    tau = sum(p * q for p, q in signs) / math.sqrt(sum(p * p for p, _ in signs)
                                                   * sum(q * q for _, q in signs))
    assert kendall(x, y).value == pytest.approx(tau)


def test_the_coverage_of_an_interval_is_about_its_level():
    generator, rho, held = np.random.default_rng(1), 0.6, 0
    truth = 6 / math.pi * math.asin(rho / 2)  # of Spearman's, for a normal distribution
    for _ in range(60):
        x, y = generator.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 60).T
        found = spearman(x, y)
        held += found.low <= truth <= found.high
    assert 51 <= held <= 60


def test_constant_values_have_no_correlation_and_nan_is_ignored():
    assert spearman([1, 1, 1], [1, 2, 3]).value is None
    assert spearman([1, 2, math.nan, 3], [1, 2, 0, 3]).count == 3
    assert spearman([-math.inf, 1, 2], [0, 1, 2]).value == pytest.approx(1)
