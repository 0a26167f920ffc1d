"""Comparisons: the table, the refusals, and the plots."""

import json
import statistics
import sys
from xml.etree import ElementTree

import pytest

from search.reporting.compare import CompareError, Spread, best_over_cost, compare, print_comparison
from search.reporting.history import read_run
from search.reporting.plots import plot_comparison, plot_run
from search.reporting.significance import paired
from tests.search.made_runs import darts_run, evolution_run, recurrent_run


@pytest.fixture
def runs(tmp_path):
    """Three seeds of second-order DARTS and two of evolution on the digits."""
    folders = [darts_run(tmp_path / f"darts-{seed}", seed=seed) for seed in range(3)]
    folders += [evolution_run(tmp_path / f"evolution-{seed}", seed=seed, epochs=5)
                for seed in range(2)]
    (folders[0] / "trained").mkdir()
    (folders[0] / "trained" / "manifest.json").write_text('{"metrics": {"test_accuracy": 0.97}}')
    return [read_run(folder) for folder in folders]


def test_mean_and_spread_over_seeds(runs):
    darts, evolution = compare(runs).groups
    assert (darts.label, evolution.label) == ("darts order 2", "evolution")
    best = [max(row["valid_accuracy"] for row in run.rows) for run in runs[:3]]
    assert darts.validation == Spread(pytest.approx(statistics.mean(best)),
                                      pytest.approx(statistics.stdev(best)), 3)
    assert darts.cost == Spread(14360, 0, 3)
    assert darts.seconds.mean == pytest.approx(125)
    assert darts.test == Spread(0.97, None, 1) and evolution.test is None
    assert darts.shares_weights and not evolution.shares_weights


def test_the_table(runs, capsys):
    print_comparison(compare(runs))
    head, darts, evolution, *remarks = capsys.readouterr().out.splitlines()
    assert "best validation accuracy*" in head and "images" in head
    assert darts.split()[:5] == ["darts", "order", "2", "3", "14,360"]
    assert "%*" in darts and "97.0 % (1 of 3)" in darts
    assert "%*" not in evolution and "±" in evolution
    assert any(line.startswith("* of the supernet, not of a trained cell") for line in remarks)
    assert any("zoo train DARTS_DIGITS_1" in line for line in remarks)


def test_as_json(runs, capsys):
    print_comparison(compare(runs), as_json=True)
    value = json.loads(capsys.readouterr().out)
    assert value["unit"] == "images"
    assert [one["validated"] for one in value["strategies"]] == ["supernet", "cells"]
    assert value["strategies"][0]["test_accuracy"] == {"mean": 0.97, "deviation": None, "count": 1}


def test_no_remark_on_supernets_where_there_are_none(tmp_path, capsys):
    print_comparison(compare([read_run(evolution_run(tmp_path / "run"))]))
    out = capsys.readouterr().out
    assert "evolution" in out and "*" not in out


def test_perplexities(tmp_path, capsys):
    runs = [read_run(recurrent_run(tmp_path / str(seed), seed=seed)) for seed in range(2)]
    comparison = compare(runs)
    assert (comparison.unit, comparison.metric) == ("tokens", "perplexity")
    print_comparison(comparison)
    assert "best validation perplexity*" in capsys.readouterr().out


def test_searches_with_other_settings_are_told_apart(tmp_path):
    runs = [read_run(darts_run(tmp_path / str(epochs), epochs=epochs)) for epochs in (3, 4)]
    assert [group.label for group in compare(runs).groups] == [
        "darts order 2 (epochs 3)", "darts order 2 (epochs 4)"]


def change(run, **values):
    (run.folder / "config.json").write_text(json.dumps(run.config | values))
    return read_run(run.folder)


def test_candidates_trained_otherwise_are_told_apart(tmp_path):
    runs = []
    for number, (epochs, seed) in enumerate([(4, 0), (4, 1), (9, 0)]):
        folder = evolution_run(tmp_path / str(number), seed=seed)
        path = folder / "config.json"
        config = json.loads(path.read_text()) | {"training": {"epochs": epochs}, "epochs": 12}
        path.write_text(json.dumps(config))
        runs.append(read_run(folder))
    short, long = compare(runs).groups
    assert (short.label, long.label) == ("evolution (training epochs 4)",
                                         "evolution (training epochs 9)")
    assert [run.seed for run in short.runs] == [0, 1] and runs[0].epochs == 12


def test_searches_of_restricted_spaces_are_told_apart(tmp_path):
    def run(number, operations):
        return change(read_run(darts_run(tmp_path / str(number), seed=number)),
                      operations=operations)

    few, mixed = [["none", "skip_connect"]] * 14, [["skip_connect"], *[["none"]] * 13]
    found = compare([run(0, None), run(1, {"normal": few, "reduce": few}), run(2, None),
                     run(3, {"normal": few, "reduce": mixed})])
    assert [len(group.runs) for group in found.groups] == [2, 1, 1]
    everything, same, per_edge = (group.label for group in found.groups)
    assert everything == "darts order 2 (operations all)"
    assert same == "darts order 2 (operations none skip_connect)"
    assert per_edge.startswith("darts order 2 (operations per edge ")


def test_incomparable_runs_are_refused(runs, tmp_path):
    text = read_run(recurrent_run(tmp_path / "text"))
    with pytest.raises(CompareError, match="searched the space conv, .*text recurrent; compare"):
        compare([runs[0], text])
    with pytest.raises(CompareError, match="searched on the data digits, .* cifar10; compare"):
        compare([runs[0], change(runs[1], data="cifar10")])
    with pytest.raises(CompareError, match="different cifar10 data"):
        compare([read_run(runs[1].folder), change(runs[2], data="cifar10", data_sha256="1")])
    with pytest.raises(CompareError, match="the same search with seed 0; leave one out"):
        compare([runs[0], runs[0]])
    with pytest.raises(CompareError, match="name at least one folder"):
        compare([])
    (runs[3].folder / "history.jsonl").write_text("")
    with pytest.raises(CompareError, match="evolution-0 has no finished epoch yet; leave it out"):
        compare([runs[0], read_run(runs[3].folder)])


def test_best_so_far_over_cost_counts_every_candidate(runs):
    run = runs[3]
    steps = best_over_cost(run)
    costs, values = zip(*steps)
    assert list(costs) == sorted(costs) and list(values) == sorted(values)
    candidates = [one for row in run.rows for one in row["candidates"]]
    assert steps[0] == (candidates[0]["images"], candidates[0]["valid_accuracy"])
    assert steps[-1] == (run.cost[-1], run.best)


def test_a_band_lies_between_the_runs(runs):
    _, evolution = compare(runs).groups
    grid, mean, deviation = evolution.curve()
    assert grid[0] == max(best_over_cost(run)[0][0] for run in evolution.runs)
    assert grid[-1] == min(run.cost[-1] for run in evolution.runs)  # one ended before the other
    assert (deviation >= 0).all() and deviation.max() > 0
    at_the_end = [[value for cost, value in best_over_cost(run) if cost <= grid[-1]][-1]
                  for run in evolution.runs]
    assert mean[-1] == pytest.approx(statistics.mean(at_the_end))


@pytest.mark.parametrize("make", [darts_run, recurrent_run, evolution_run])
def test_a_picture_of_a_run(tmp_path, make):
    run = read_run(make(tmp_path / "run"))
    path = plot_run(run, tmp_path / "run.svg")
    first = path.read_bytes()
    text = "".join(ElementTree.fromstring(first).itertext())
    assert f"{run.strategy} on {run.data}" in text and "operations of the" in text
    assert plot_run(run, path).read_bytes() == first


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_a_picture_of_a_comparison(runs, tmp_path, name, begin):
    assert plot_comparison(compare(runs), tmp_path / name).read_bytes().startswith(begin)


def test_the_legend_says_what_was_validated(runs, tmp_path):
    path = plot_comparison(compare(runs), tmp_path / "compare.svg")
    text = path.read_text()
    assert "darts order 2 (supernet, 3 seeds)" in text and "evolution (cells, 2 seeds)" in text


def test_pictures_that_cannot_be_drawn(runs, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"does not end in \.svg, \.png, \.pdf"):
        plot_comparison(compare(runs), tmp_path / "a.txt")
    (runs[0].folder / "history.jsonl").write_text("")
    with pytest.raises(ValueError, match="no finished epoch yet"):
        plot_run(read_run(runs[0].folder), tmp_path / "a.svg")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"pip install 'genotype-zoo\[search\]'"):
        plot_run(runs[1], tmp_path / "a.svg")
    assert list(tmp_path.glob("a.*")) == []


def test_a_diverged_run_is_drawn_as_far_as_it_goes(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=3)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for key in ("train_loss", "valid_loss", "valid_accuracy"):
        rows[2][key] = float("nan")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert plot_run(read_run(folder), tmp_path / "run.png").stat().st_size > 10_000


# --- significance -----------------------------------------------------------------------------


def trained(folder, seed, value):
    """A finished run of evolution whose cell has been trained."""
    evolution_run(folder, seed=seed, epochs=5)
    (folder / "trained").mkdir()
    (folder / "trained" / "manifest.json").write_text(
        json.dumps({"metrics": {"test_accuracy": value}}))
    return folder


def test_strategies_are_compared_seed_by_seed(tmp_path, capsys):
    folders = [trained(tmp_path / f"evolution-{seed}", seed, 0.9 + seed / 100)
               for seed in range(4)]
    for seed in range(1, 4):
        folder = darts_run(tmp_path / f"darts-{seed}", seed=seed)
        (folder / "trained").mkdir()
        (folder / "trained" / "manifest.json").write_text(
            json.dumps({"metrics": {"test_accuracy": 0.9 + seed / 200}}))
        folders.append(folder)
    found = compare([read_run(folder) for folder in folders])
    ((one, other, split, difference),) = found.differences()
    assert (one.label, other.label, split) == ("evolution", "darts order 2", "test")
    assert difference.mean == pytest.approx(0.01) and difference.count == 3
    assert (difference.larger, difference.smaller) == (3, 0) and difference.p == 0.25
    half = 4.302653 * 0.005 / 3 ** 0.5  # Student's with two degrees of freedom
    assert difference.interval == (pytest.approx(0.01 - half), pytest.approx(0.01 + half))
    print_comparison(found)
    assert ("evolution against darts order 2, test accuracy of 3 seeds: +1.00 points (-0.24 to "
            "+2.24), Wilcoxon p = 0.25") in capsys.readouterr().out
    assert found.to_dict()["differences"][0]["of"] == "test_accuracy"


def test_a_supernet_and_cells_are_not_compared(runs, capsys):
    # One cell is trained, and the accuracy of a supernet is not that of a cell.
    assert compare(runs).differences() == []


@pytest.mark.parametrize("count", [5, 6])
def test_five_seeds_are_never_significant(count):
    found = paired(range(1, count + 1), [0] * count)
    assert found.p == 2 / 2 ** count and (found.p < 0.05) == (count > 5)


def test_equal_values_are_no_difference():
    found = paired([1, 2], [1, 2])
    assert (found.mean, found.interval, found.p) == (0, (0, 0), 1.0)
    assert paired([3], [1]).interval is None
    with pytest.raises(ValueError, match="no pair"):
        paired([], [])
