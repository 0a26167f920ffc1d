"""report.html is one small file with the data of the run; `tests/browser` opens it."""

import json
import os
import re

import pytest

from search.reporting.history import HistoryError, read_run
from search.reporting.report import page_data, write_report
from tests.search.made_runs import (
    WARNING,
    darts_run,
    evolution_run,
    recurrent_run,
    write_run,
)
from zoo.genotypes.hierarchical import HierarchicalGenotype, Motif
from zoo.genotypes.serialization import from_dict, to_dict

RUNS = {"darts": darts_run, "recurrent": recurrent_run, "evolution": evolution_run}


def data_in(path):
    """The run as the page reads it."""
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="run">(.*?)</script>', text,
                                re.DOTALL)[1])


@pytest.mark.parametrize("kind", RUNS)
def test_the_page_stands_alone(tmp_path, kind):
    path = write_report(read_run(RUNS[kind](tmp_path / "run")))
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "run" / "report.html"
    assert not re.search(r"\{\{\w+\}\}", text)
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"https?://[^\s\"'\\<]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a namespace, never fetched
    assert not re.search(r"<(link|script|img)[^>]+(href|src)=(?!\"data:)", text)


def test_fifty_changing_epochs_stay_small(tmp_path):
    path = write_report(read_run(darts_run(tmp_path / "run", epochs=50)))
    assert path.stat().st_size < 1_500_000


def test_a_cell_is_drawn_once_however_long_it_stays(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=12)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for row in rows[4:]:
        row["genotype"] = json.loads(json.dumps(rows[3]["genotype"]))
    rows[6]["genotype"]["normal"]["nodes"][0].reverse()  # the same cell, its edges in other order
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    normal = page_data(read_run(folder))["cells"][0]
    assert len(set(normal["drawingAt"][3:])) == 1
    assert len(normal["drawings"]) <= 4


def test_weights_and_cells_are_those_of_the_run(tmp_path):
    folder = darts_run(tmp_path / "run")
    record, data = read_run(folder), data_in(write_report(read_run(folder)))
    assert [cell["heading"] for cell in data["cells"]] == ["Normal cell", "Reduction cell"]
    for cell in data["cells"]:
        weights = cell["alphas"]["weights"]
        assert len(weights) == 10 and len(weights[0]) == 14 * 8
        for edge in range(14):
            assert sum(weights[9][8 * edge:8 * edge + 8]) == pytest.approx(10_000, abs=4)
        for row, at in zip(record.rows, cell["drawingAt"]):
            kept = {(node, source, operation) for node, source, operation
                    in cell["drawings"][at]["edges"]}
            nodes = getattr(from_dict(row["genotype"]), cell["name"]).nodes
            assert kept == {(node, source, operation) for node, edges in enumerate(nodes)
                            for operation, source in edges}
    assert data["series"]["valid"] == [pytest.approx(row["valid_accuracy"], rel=1e-4)
                                       for row in record.rows]
    assert data["genotypes"][data["genotypeAt"][9]] == str(from_dict(record.rows[9]["genotype"]))


def test_facts(tmp_path):
    folder = darts_run(tmp_path / "run", seed=4)
    (folder / "trained").mkdir()
    (folder / "trained" / "manifest.json").write_text('{"metrics": {"test_accuracy": 0.9731}}')
    facts = {label: tuple(of) for label, *of in data_in(write_report(read_run(folder)))["facts"]}
    assert facts["Strategy"] == ("darts order 2", "searching convolutional cells")
    assert facts["Data"] == ("digits", "seed 4")
    assert facts["Cost"] == ("14,360 images", "3 min")
    assert facts["Chosen"] == ("epoch 6", "the last epoch before skip connections took over")
    assert facts["Test accuracy"][0] == "97.3%"
    assert "of the supernet" in facts["Best validation accuracy"][1]


def test_candidates_are_placed_at_their_cost(tmp_path):
    folder = evolution_run(tmp_path / "run", epochs=3)
    record, data = read_run(folder), data_in(write_report(read_run(folder)))
    assert len(data["candidates"]) == 12
    assert data["candidates"][-1]["cost"] == record.cost[-1]
    assert [one["epoch"] for one in data["candidates"][3:5]] == [1, 2]
    assert data["cells"][0]["alphas"] is None and not data["sharesWeights"]


def test_a_hierarchical_cell_is_drawn_with_its_motifs(tmp_path):
    motif = [["identity"], ["none", "max_pool_3x3"]]
    rows = [{"epoch": epoch, "cost": {"images": epoch}, "valid_accuracy": 0.5, "genotype": to_dict(
        HierarchicalGenotype([[Motif(motif)], [Motif([["motif_1"], ["motif_1", "motif_1"]])]])),
        "operations": {"cell": {"motif_1": 3}, "motif_1": {"identity": 1, "max_pool_3x3": 1}},
        "candidates": []} for epoch in (1, 2)]
    folder = write_run(tmp_path / "run", "hierarchical", "hierarchical", "digits", 0, {}, rows,
                       None)
    [cell] = data_in(write_report(read_run(folder)))["cells"]
    assert cell["drawingAt"] == [0, 0] and "motif_1" in cell["drawings"][0]["svg"]
    assert cell["operations"] == {"identity": [1, 1], "max_pool_3x3": [1, 1]}


def test_names_and_warnings_are_text(tmp_path):
    evil = '</script><script>alert("1 & 2")</script><!--<script>'
    folder = darts_run(tmp_path / "run", data=evil)
    path = write_report(read_run(folder))
    text, data = path.read_text(encoding="utf-8"), data_in(path)
    assert text.count("</script>") == 2 and "<!--" not in text
    assert "<title>darts order 2 on script&gt;&lt;!--&lt;script&gt;</title>" in text
    assert WARNING in [warning["text"] for warning in data["warnings"]]


def test_values_that_are_not_finite(tmp_path):
    folder = darts_run(tmp_path / "run", epochs=3)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    rows[1]["train_loss"], rows[2]["alphas"]["normal"][0][0] = float("nan"), float("inf")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = data_in(write_report(read_run(folder)))
    assert data["series"]["trainLoss"][1] is None


def test_before_the_first_epoch(tmp_path):
    folder = darts_run(tmp_path / "run", finished=False)
    (folder / "history.jsonl").write_text("")
    data = data_in(write_report(read_run(folder)))
    assert data["epochs"] == 0 and data["state"] == "epoch 0 of 10, not finished"


@pytest.mark.parametrize(("change", "says"), [
    (lambda row: row["genotype"]["normal"]["nodes"].append([["conv_9x9", 0]]),
     r"epoch 2: normal cell.*'conv_9x9'"),
    (lambda row: row["alphas"]["reduce"].pop(), "epoch 2: the alphas of reduce are not 14 x 8"),
])
def test_damage_is_named_and_leaves_the_old_report(tmp_path, change, says):
    folder = darts_run(tmp_path / "run", epochs=3)
    before = write_report(read_run(folder)).read_bytes()
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    change(rows[1])
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(HistoryError, match=says):
        write_report(read_run(folder))
    assert (folder / "report.html").read_bytes() == before
    assert not [name for name in os.listdir(folder) if name.endswith(".part")]
