"""The front of a run: its cells, front.json, and what `show`, `plot` and the report say."""

import json
import re

import pytest
from typer.testing import CliRunner

import zoo
from search.cli import app
from search.reporting.front import front_cells, register_cell, write_front
from search.reporting.history import HistoryError, read_run
from search.reporting.report import page_data
from tests.search.made_runs import evolution_run, front_run
from zoo import registry
from zoo.genotypes.serialization import from_dict


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "zoo"))
    return front_run(tmp_path / "run")


def search(*words):
    return CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "100"})


def candidates(folder):
    return [one for row in read_run(folder).rows for one in row["candidates"]]


def test_the_cells_are_those_that_no_other_candidate_dominates(folder):
    every = [(one["measures"]["multiply-adds"], -one["valid_accuracy"], one["number"])
             for one in candidates(folder)]
    best = [number for cost, error, number in sorted(every)
            if not any(other[0] <= cost and other[1] <= error and other[2] != number
                       for other in every)]
    cells = front_cells(read_run(folder))
    assert [cell["number"] for cell in cells] == best and len(best) > 2
    known = {one["number"]: one for one in candidates(folder)}
    assert all(cell.items() <= known[cell["number"]].items() for cell in cells)
    path = write_front(read_run(folder))
    assert json.loads(path.read_text()) == {
        "metric": "valid_accuracy", "objectives": ["multiply-adds"], "cells": cells}


def test_a_diverged_candidate_is_not_on_the_front(folder):
    history = folder / "history.jsonl"
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    rows[3]["candidates"][0] |= {"valid_accuracy": 0.0, "measures": {"multiply-adds": 1}}
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert 12 not in [cell["number"] for cell in front_cells(read_run(folder))]


def test_a_run_without_objectives_has_no_front(tmp_path):
    record = read_run(evolution_run(tmp_path / "plain"))
    assert front_cells(record) == [] and write_front(record) is None
    assert page_data(record)["front"] == [] == page_data(record)["measures"]
    with pytest.raises(ValueError, match="has no front; start a search with an objective"):
        register_cell(record, 0, "CELL")


def test_show_prints_the_front_and_registers_its_cells(folder, tmp_path):
    shown = search("show", folder).stdout
    assert "limits: bytes<=500kB, multiply-adds" in shown
    cells = front_cells(read_run(folder))
    lines = shown[shown.index("front by accuracy and multiply-adds:"):].splitlines()
    assert lines[1].split() == ["candidate", "accuracy", "multiply-adds", "bytes"]
    assert [int(line.split()[0]) for line in lines[2:2 + len(cells)]] == [
        cell["number"] for cell in cells]
    number = cells[1]["number"]
    assert search("show", folder, "--register", number, "SMALL").stdout.startswith(
        "registered SMALL in ")
    assert zoo.genotype("SMALL") == from_dict(cells[1]["genotype"])
    assert registry.record("SMALL").source == (
        f"search run run: evolution on digits, seed 0, candidate {number}")
    again = search("show", folder, "--register", number, "SMALL")
    assert again.exit_code == 1 and "SMALL" in again.output


@pytest.mark.parametrize("words, message", [
    (["--register", "99", "CELL"], "candidate 99 is not on the front of .*; choose "),
    (["--register", "x", "CELL"], "--register.*: it must be a whole number"),
    (["--register", "1"], "requires 2 arguments")])
def test_other_candidates_are_refused(words, message, folder):
    refused = search("show", folder, *words)
    assert refused.exit_code != 0 and "Traceback" not in refused.output
    assert re.search(message, " ".join(refused.output.split()))
    assert not registry.user_folder().exists()


def test_the_plot_and_the_report_have_the_front(folder, tmp_path):
    assert search("plot", folder, "-o", tmp_path / "run.svg").exit_code == 0
    assert "front by multiply-adds" in (tmp_path / "run.svg").read_text()
    data = page_data(read_run(folder))
    assert data["measures"] == [["multiply-adds", "multiply-adds", True], ["bytes", "bytes", False]]
    assert [one["number"] for one in data["front"]] == [
        cell["number"] for cell in front_cells(read_run(folder))]
    assert data["candidates"][5]["measures"] == candidates(folder)[5]["measures"]


def test_measures_that_are_no_object_are_damage(folder):
    history = folder / "history.jsonl"
    text = history.read_text()
    history.write_text(re.sub(r'"measures": \{[^}]*\}', '"measures": 3', text, count=1))
    with pytest.raises(HistoryError, match="line 1 has a candidate whose measures are not an obj"):
        read_run(folder)
