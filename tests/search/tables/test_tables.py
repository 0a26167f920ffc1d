"""Searches against a table: results, bit-for-bit resumption, proposals from the table only."""

import csv
import itertools
import json
import operator
import random
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.main import get_command
from typer.testing import CliRunner

import zoo
from search.cli import app
from search.limits.limit import Limit
from search.spaces.nasbench201 import NasBench201Space
from search.spaces.space import ConvSpace
from search.strategies import STRATEGIES
from search.tables import run as tables_run
from search.tables.config import TableOptions, plan
from search.tables.folder import SUMMARY
from search.tables.rows import RANDOM, SEEDS, read_rows
from search.tables.run import read_config, run, seed_row, start
from search.tables.space import NEAREST, TableSpace
from search.tables.summary import curve, of_seeds, paired
from search.tables.truth import read_truth
from search.workers import WorkerError, WorkersLost, in_order
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS, NasBench201Genotype
from zoo.genotypes.table import TableError
from zoo.runs.run_folder import RunError

ON_TABLES = [name for name, entry in STRATEGIES.items()
             if not entry.shares_weights and entry.table_settings() is not None]
#: All 125 cells of three nodes.
WHOLE = [NasBench201Genotype.of(*names)
         for names in itertools.product(NASBENCH201_OPERATIONS, repeat=3)]


def worth(genotype):
    """A figure that is additive over the edges, so a search can improve step by step."""
    order = ["none", "avg_pool_3x3", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"]
    return sum((place + 1) * order.index(operation)
               for place, operation in enumerate(genotype.operations))


def write(path, rows, columns=("genotype", "look", "judge")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture
def table(tmp_path):
    noise = random.Random(0)
    return write(tmp_path / "whole.csv", [
        (str(cell), worth(cell) + noise.random(), worth(cell)) for cell in WHOLE])


def planned(table, strategy="evolution", **options):
    return plan(TableOptions(table, strategy, **{
        "look_at": "look", "judge_by": "judge", "seeds": 6, "budget": 30} | options))


def executed(folder, config):
    """The files of a finished run, by name."""
    start(folder, config)
    run(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- results --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [name for name in ON_TABLES if name != "random"])
def test_every_strategy_beats_random_search_on_an_additive_figure(
        strategy, table, tmp_path):
    config, _ = planned(table, strategy, seeds=8, budget=60)
    executed(tmp_path / "run", config)
    summary = json.loads((tmp_path / "run" / SUMMARY).read_text())
    assert summary["against_random"]["difference"] > 0
    assert summary["found"]["regret"] == pytest.approx(24 - summary["found"]["mean"])
    assert summary["best_of_table"] == {
        "judged_by": 24, "genotype": str(NasBench201Genotype.of(*["nor_conv_3x3"] * 3)),
        "row": 2 + WHOLE.index(NasBench201Genotype.of(*["nor_conv_3x3"] * 3))}


@pytest.mark.parametrize("strategy", ON_TABLES)
def test_a_row_describes_the_search_of_its_seed(strategy, table):
    config, truth = planned(table, strategy)
    row = seed_row(config, truth, strategy, 3)
    genotype = zoo.parse(row["genotype"])
    assert (row["seed"], row["looks"]) == (3, 30) and 1 <= row["cells"] <= 30
    assert (row["looked_at"], row["judged_by"]) == (truth.looked[genotype], truth.judged[genotype])
    looks, looked, judged = zip(*row["best"])
    assert list(looks) == sorted(set(looks)) and list(looked) == sorted(set(looked))
    assert (looked[-1], judged[-1]) == (row["looked_at"], row["judged_by"])
    assert row == seed_row(config, truth, strategy, 3) != seed_row(config, truth, strategy, 4)


# --- resumption -----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ON_TABLES)
def test_a_killed_run_resumes_to_the_same_bytes(strategy, table, tmp_path):
    config, _ = planned(table, strategy)
    whole = executed(tmp_path / "whole", config)
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    for name in (SUMMARY, RANDOM):
        (tmp_path / "killed" / name).unlink(missing_ok=True)
    lines = whole[SEEDS].splitlines(keepends=True)
    (tmp_path / "killed" / SEEDS).write_bytes(b"".join(lines[:2]) + lines[2][:40])
    run(tmp_path / "killed")
    assert {path.name: path.read_bytes()
            for path in sorted((tmp_path / "killed").iterdir())} == whole


def test_a_row_does_not_depend_on_the_number_of_seeds(table, tmp_path):
    few = executed(tmp_path / "few", planned(table, seeds=3)[0])
    many = executed(tmp_path / "many", planned(table, seeds=5)[0])
    assert many[SEEDS].startswith(few[SEEDS]) and many[RANDOM].startswith(few[RANDOM])
    later = executed(tmp_path / "later", planned(table, seeds=2, seed=3)[0])
    assert many[SEEDS].endswith(later[SEEDS])


# --- workers --------------------------------------------------------------------------------


def parts(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_processes_write_the_same_bytes(table, tmp_path):
    config, truth = planned(table, seeds=23)
    whole = executed(tmp_path / "alone", config)
    start(tmp_path / "two", config)
    (tmp_path / "two" / SEEDS).write_bytes(b"".join(whole[SEEDS].splitlines(True)[:3]))
    seen = []
    run(tmp_path / "two", truth, lambda done, total, facts: seen.append((done, total)), workers=2)
    assert parts(tmp_path / "two") == whole
    assert seen == [(13, 46), (23, 46), (33, 46), (43, 46), (46, 46)]


@pytest.mark.slow
def test_a_ray_cluster_writes_the_same_bytes(table, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", str(Path(zoo.__file__).parents[1]))
    config, _ = planned(table, seeds=23)
    whole = executed(tmp_path / "alone", config)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        start(tmp_path / "ray", config)
        run(tmp_path / "ray", workers="ray")
    finally:
        ray.shutdown()
    assert parts(tmp_path / "ray") == whole


class Shuffled:
    """Workers that finish in another order, the last ones never."""

    def __init__(self, work, lost=0):
        self.work, self.lost, self.closed = work, lost, False

    def run(self, tasks):
        for task in random.Random(0).sample(tasks, len(tasks))[self.lost:]:
            yield task, self.work(task)
        if self.lost:
            raise WorkersLost(tasks[:self.lost])

    def close(self):
        self.closed = True


def test_results_arrive_in_the_order_of_the_tasks():
    tasks = list(range(20))
    assert list(in_order(Shuffled(str), tasks)) == [(task, str(task)) for task in tasks]
    with pytest.raises(WorkersLost):
        list(in_order(Shuffled(str, lost=4), tasks))


def test_a_run_whose_worker_was_killed_resumes(table, tmp_path, monkeypatch):
    config, _ = planned(table, seeds=23)
    whole = executed(tmp_path / "alone", config)
    start(tmp_path / "lost", config)
    made = []
    with monkeypatch.context() as patch:
        patch.setattr(tables_run, "pool", lambda workers, work: made.append(
            Shuffled(work, 1)) or made[-1])
        with pytest.raises(WorkerError, match="a worker was killed.*`search resume .*lost` and"):
            run(tmp_path / "lost", workers=2)
    assert made[0].closed
    run(tmp_path / "lost")
    assert parts(tmp_path / "lost") == whole


def test_resuming_with_a_changed_table_is_refused(table, tmp_path):
    start(tmp_path / "run", planned(table)[0])
    table.write_text(table.read_text() + "\n")
    with pytest.raises(RunError, match=r"whole\.csv has changed since .* was started; restore it"):
        run(tmp_path / "run")


@pytest.mark.parametrize("content", [b'{"seed": 1}\n', b"[]\n", b"{\n", b'{"seed": 0}\n'])
def test_damaged_lines_are_refused(content, table, tmp_path):
    start(tmp_path / "run", planned(table)[0])
    (tmp_path / "run" / SEEDS).write_bytes(content)
    with pytest.raises(RunError, match=r"seeds\.jsonl is damaged \(line 1 .*search resume"):
        run(tmp_path / "run")


# --- the space ------------------------------------------------------------------------------


def test_a_whole_table_is_searched_as_the_space_itself():
    space, plain = TableSpace(WHOLE), NasBench201Space(nodes=2)
    for cell in WHOLE[::17]:
        assert set(space.neighbors(cell)) == set(plain.neighbors(cell))
    assert space.decisions() == plain.decisions()
    assert {space.decode(list(choices)) for choices in itertools.product(range(5), repeat=3)} == (
        set(WHOLE))


@pytest.mark.parametrize("cells", [
    random.Random(1).sample(WHOLE, 40),
    [ConvSpace().sample(random.Random(seed)) for seed in range(40)],
    WHOLE[:3], [WHOLE[0]]], ids=["some of a space", "of DARTS", "three", "one"])
def test_only_cells_of_the_table_are_proposed(cells):
    space, rng = TableSpace(cells), random.Random(0)
    for cell in cells:
        near = space.neighbors(cell)
        assert set(near) <= set(cells) - {cell}
        assert len(near) >= min(NEAREST, len(cells) - 1)
        assert not near or space.mutate(rng, cell) in near
    for _ in range(50):
        assert space.decode([rng.randrange(size) for size in space.decisions()]) in cells
        assert space.sample(rng) in cells


def test_the_order_of_a_nodes_edges_does_not_change_the_distance():
    cell = zoo.genotype("DARTS_V2")
    node, *rest = cell.normal.nodes
    turned = zoo.ConvGenotype(zoo.Cell([node[::-1], *rest], cell.normal.concat), cell.reduce)
    far = [zoo.genotype(name) for name in ("PC_DARTS_cifar", "DARTS_V1", "SNAS_mild")]
    space = TableSpace([cell, *far, turned])
    assert turned in space.neighbors(cell)
    assert space.decode([0] * len(space.decisions())) in space.genotypes


# --- statistics -----------------------------------------------------------------------------


def test_statistics_are_those_of_scipy():
    rng = np.random.default_rng(0)
    one, other = ([{"judged_by": value, "regret": 95 - value, "cells": 9} for value in
                   rng.normal(mean, 1, 30).tolist()] for mean in (94, 93))
    values = [row["judged_by"] for row in one]
    found = of_seeds(one)
    low, high = stats.t.interval(0.95, 29, statistics.fmean(values), stats.sem(values))
    assert found["interval"] == pytest.approx([low, high])
    assert found["deviation"] == pytest.approx(np.std(values, ddof=1))
    difference = paired(one, other)
    pairs = [row["judged_by"] for row in other]
    assert difference["p"] == pytest.approx(stats.wilcoxon(values, pairs).pvalue)
    assert difference["better"] + difference["worse"] == 30
    assert paired(one, one) | {"deviation": 0, "interval": [0, 0]} == {
        "difference": 0, "deviation": 0, "interval": [0, 0], "p": 1, "better": 0, "worse": 0}
    assert of_seeds(one[:1])["interval"] is None


def test_a_curve_is_the_mean_of_the_best_so_far():
    rows = [{"best": [[1, 5.0, 50.0], [3, 6.0, 60.0]]}, {"best": [[1, 5.0, 70.0]]}]
    mean, half = curve(rows, 4)
    assert mean.tolist() == [60, 60, 65, 65] and half[0] > half[2] > 0


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize("options, message", [
    ({"look_at": "lok"}, "has no column 'lok'; did you mean look"),
    ({"judge_by": "jugde"}, "has no column 'jugde'; did you mean judge"),
    ({"look_at": None}, "--table needs --look-at COLUMN, .* has look, judge"),
    ({"budget": 126}, "has 125 cells with figures, fewer than the budget of 126; use --budget 125"),
    ({"budget": 0}, "--budget must be at least 1"),
    ({"seeds": 0}, "--seeds must be at least 1"),
    ({"strategy": "darts"}, "darts trains a supernet, .* choose --strategy random, evolution"),
    ({"strategy": "hierarchical"}, "hierarchical searches a space without tables"),
    ({"strategy": "evolutoin"}, "unknown strategy 'evolutoin'; did you mean evolution"),
    ({"budget": 5}, "evolution starts with 10 cells, more than the budget of 5; .* --budget 10"),
    ({"budget": 9, "strategy": "bananas"},
     "bananas starts with 10 cells, more than the budget of 9"),
    ({"given": {"population": 40}}, "starts with 40 cells, more than the budget of 30"),
    ({"given": {"candidates": 3}}, "--budget sets the number of cells; leave --candidates out"),
    ({"given": {"warm_start": "training-free"}}, "--set warm_start belongs to a warm start"),
    ({"given": {"populaton": 3}}, "unknown setting 'populaton'; did you mean population"),
])
def test_options_that_do_not_go_together_are_refused(options, message, table):
    with pytest.raises(ValueError, match=message):
        planned(table, **options)


def test_rows_without_a_figure_are_left_out(table, tmp_path):
    path = write(tmp_path / "some.csv", [
        (str(cell), "-" if number < 5 else 1, "" if number == 7 else 2)
        for number, cell in enumerate(WHOLE)])
    truth = read_truth(path, "look", "judge")
    assert truth.left_out == 6 and len(truth.looked) == 119 and truth.row(WHOLE[6]) == 8
    empty = write(tmp_path / "none.csv", [(str(WHOLE[0]), "", 1)])
    with pytest.raises(TableError, match="no row with a figure in both look and judge"):
        read_truth(empty, "look", "judge")


@pytest.mark.parametrize("limits", [["judge<=12"], ["judge<=20", "judge >= 6"]])
def test_cells_outside_a_limit_are_neither_proposed_nor_the_best(limits, table, tmp_path):
    low, high = (-1, 12) if len(limits) == 1 else (6, 20)
    config, truth = planned(table, limits=limits, budget=20)
    inside = [cell for cell in WHOLE if low <= worth(cell) <= high]
    assert set(truth.looked) == set(inside) and truth.outside == 125 - len(inside)
    executed(tmp_path / "run", config)
    summary = json.loads((tmp_path / "run" / SUMMARY).read_text())
    assert summary["best_of_table"]["judged_by"] == high
    assert all(low <= row["judged_by"] <= high and row["regret"] == high - row["judged_by"]
               for row in read_rows(tmp_path / "run" / SEEDS, config))


# --- objectives -----------------------------------------------------------------------------


def price(genotype):
    """A cost that grows with the worth of a cell, but not in step with it."""
    return sum({"nor_conv_3x3": 9, "nor_conv_1x1": 4}.get(name, 1)
               for name in genotype.operations)


@pytest.fixture
def priced(tmp_path):
    noise = random.Random(1)
    return write(tmp_path / "priced.csv", [
        (str(cell), worth(cell) + noise.random(), worth(cell), price(cell)) for cell in WHOLE],
        ("genotype", "look", "judge", "price"))


def undominated(cells):
    """By definition: the cells that none beats in worth or price without losing in the other."""
    points = {cell: (-worth(cell), price(cell)) for cell in cells}
    return {points[cell] for cell in cells if not any(
        other != points[cell] and all(map(operator.le, other, points[cell]))
        for other in points.values())}


@pytest.mark.parametrize("strategy", ON_TABLES)
def test_a_seed_ends_in_its_front(strategy, priced):
    config, truth = planned(priced, strategy, limits=["price"])
    row = seed_row(config, truth, strategy, 1)
    cells = [truth.table.genotypes[truth.table.rows.index(number)] for number, *_ in row["front"]]
    assert [(worth(cell), price(cell)) for cell in cells] == [
        tuple(figures) for _, *figures in row["front"]]
    looks = [truth.looked[cell] for cell in cells]
    prices = [price(cell) for cell in cells]
    assert prices == sorted(set(prices)) and looks == sorted(set(looks))
    assert 0 < row["hypervolume"] <= 1
    assert row == seed_row(config, truth, strategy, 1)


def test_the_hypervolume_is_relative_to_the_true_front(priced, tmp_path):
    config, truth = planned(priced, limits=["price", "price<=25"], seeds=4, budget=60)
    inside = [cell for cell in WHOLE if price(cell) <= 25]
    true = undominated(inside)
    assert {(-worth(cell), price(cell)) for cell in truth.front} == true
    assert truth.quality(truth.front) == truth.quality(inside) == 1
    assert truth.quality(truth.front[:1]) < truth.quality(truth.front[:2]) < 1
    executed(tmp_path / "run", config)
    summary = json.loads((tmp_path / "run" / SUMMARY).read_text())
    assert {(-judged, cost) for _, judged, cost in summary["front"]["true"]} == true
    rows, others = (read_rows(tmp_path / "run" / name, config) for name in (SEEDS, RANDOM))
    assert summary["found"]["hypervolume"]["mean"] == pytest.approx(
        statistics.fmean(row["hypervolume"] for row in rows))
    assert summary["against_random"]["hypervolume"]["difference"] == pytest.approx(
        statistics.fmean(row["hypervolume"] for row in rows)
        - statistics.fmean(row["hypervolume"] for row in others))
    shown = search("show", tmp_path / "run").stdout
    assert f"front by judge and price: {len(true)} cells of the table" in shown
    assert "\nhypervolume: " in shown and "outside price<=25: " in shown
    assert search("plot", tmp_path / "run", "-o", tmp_path / "front.svg").exit_code == 0
    assert "true front" in (tmp_path / "front.svg").read_text()
    refused = search("show", tmp_path / "run", "--register", 1, "NAME")
    assert refused.exit_code == 1 and "register a cell of a table with `zoo regi" in refused.output


def test_evolution_approaches_the_true_front(priced, tmp_path):
    config, _ = planned(priced, limits=["price"], seeds=12, budget=60)
    executed(tmp_path / "run", config)
    summary = json.loads((tmp_path / "run" / SUMMARY).read_text())
    assert summary["against_random"]["hypervolume"]["difference"] > 0


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["12", "1234567", "-0.1234567890123", "1e30", "2.5e-7"])
def test_a_stored_limit_is_the_given_one(number):
    limit = Limit.read(f"judge<={number}")
    assert limit.value == float(number) and Limit.read(str(limit)) == limit


@pytest.mark.parametrize("column", ["valid_perplexity", "valid_accuracy"])
def test_higher_is_better_whatever_the_name_of_the_column(column, table):
    (table.parent / "renamed.csv").write_text(table.read_text().replace("look", column))
    renamed = planned(table.parent / "renamed.csv", look_at=column)
    assert seed_row(*renamed, "evolution", 0) == seed_row(*planned(table), "evolution", 0)


@pytest.mark.parametrize("limit, message", [
    ("judge<=-1", r"no cell of .*whole\.csv meets judge<=-1; the smallest figure is 0"),
    ("judge>=25", "the largest figure is 24"),
    ("jugde<=3", "no column 'jugde'; did you mean judge"),
    ("jugde", "no column 'jugde'; did you mean judge"),
    ("look", "look is already maximized by --look-at; minimize another column"),
    ("judge=3", "--limit is MEASURE<=NUMBER, MEASURE>=NUMBER, or MEASURE alone"),
    ("judge<=1.2.3", "--limit is MEASURE<=NUMBER"),
    ("judge<=3k", "unknown unit .k.; the figures of judge have none, leave it out"),
    ("judge<=3", "cells with figures within the limits, fewer than the budget of 30"),
])
def test_limits_that_cannot_be_met_are_refused(limit, message, table):
    with pytest.raises(ValueError, match=message):
        planned(table, limits=[limit])


def test_limits_that_no_cell_meets_at_once_are_refused(table):
    with pytest.raises(ValueError, match="meets judge<=3 and judge>=20 at once; relax one"):
        planned(table, limits=["judge<=3", "judge>=20"])


# --- commands -------------------------------------------------------------------------------


def search(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_from_the_command_to_the_comparison(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--table", table, "--look-at", "look", "--judge-by", "judge", "--seeds", 4,
             "--budget", 20]
    for strategy in ("evolution", "local-search"):
        result = search("run", "--strategy", strategy, *words)
        assert result.exit_code == 0, result.output
        assert "best of the table: 24, row" in result.output
        assert "against random search, seed by seed: " in result.output
    folders = [f"runs/search-{name}-whole" for name in ("evolution", "local-search")]
    assert read_config(tmp_path / folders[0]).settings["candidates"] == 20
    assert (tmp_path / folders[0] / "curve.svg").read_text().startswith("<?xml")
    assert "4 seeds" in search("list").stdout
    shown = search("show", folders[0]).stdout
    assert shown.startswith("evolution against whole.csv: searches by look, judged by judge")
    assert search("resume", folders[0]).stdout in shown
    compared = search("compare", *folders, "--json")
    facts = json.loads(compared.stdout)
    rows = [read_rows(tmp_path / folder / SEEDS, read_config(tmp_path / folder))
            for folder in folders]
    assert facts["differences"] == {"evolution - local-search": paired(*rows)}
    assert search("compare", *folders, "-o", "both.svg").exit_code == 0
    assert search("plot", folders[1], "-o", "one.pdf").exit_code == 0
    assert (tmp_path / "both.svg").exists() and (tmp_path / "one.pdf").exists()


@pytest.mark.parametrize("words, message", [
    (["--seeds", "3"], "--seeds applies only to a search against a table; add --table"),
    (["--table", "whole.csv", "--look-at", "look", "--data", "digits"],
     "--data does not apply to a search against a table, which trains nothing; leave it out"),
    (["--table", "whole.csv", "--look-at", "look", "--epochs", "3"], "--epochs does not apply"),
    (["--table", "whole.csv", "--look-at", "look", "--workers", "many"],
     "--workers must be a number from 1, ray or ray://HOST:PORT, not 'many'"),
    (["--table", "nowhere.csv", "--look-at", "look"], "nowhere.csv"),
])
def test_options_that_do_not_go_together_write_nothing(words, message, table, tmp_path,
                                                       monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = search("run", *words)
    assert result.exit_code != 0 and message in result.output
    assert "Traceback" not in result.output and not (tmp_path / "runs").exists()


def test_every_option_of_a_training_is_refused(table):
    options = [parameter for parameter in get_command(app).commands["run"].params
               if parameter.name != "help"]
    refused = []
    for option in options:
        value = [] if getattr(option, "is_flag", False) else ["1"]
        result = search("run", "--table", table, "--look-at", "no such column", option.opts[-1],
                        *value)
        assert result.exit_code == 1 and "Traceback" not in result.output
        if f"{option.opts[0]} does not apply to a search against a table" in result.output:
            refused.append(option.name)
    assert {option.name for option in options} - set(refused) == {
        "table", "strategy", "look_at", "judge_by", "limits", "seed", "seeds", "budget",
        "assignments", "workers", "output"}


def test_runs_that_differ_in_an_option_are_not_compared(table, tmp_path):
    for name, options in (("a", {}), ("b", {"judge_by": "look"}), ("c", {"budget": 40})):
        executed(tmp_path / name, planned(table, **options)[0])
    for other, message in (("b", "differ in --judge-by"), ("c", "differ in --budget")):
        result = search("compare", tmp_path / "a", tmp_path / other)
        assert result.exit_code != 0 and message in result.output
