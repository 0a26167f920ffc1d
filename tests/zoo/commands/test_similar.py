"""`zoo similar` and `zoo cite`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests.zoo.commands.test_cells import failed, own_data, run, succeeded  # noqa: F401
from zoo import citation, registry
from zoo.commands.similar import nearest
from zoo.genotypes.edit_distance import edit_distance

ROOT = Path(zoo.__file__).parents[1]
RENAMED = """Genotype(
    normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
            ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 3)],
    normal_concat=[5, 4, 3, 2], {})"""


def test_a_renumbered_cell_is_recognized(tmp_path):
    darts = str(zoo.genotype("DARTS"))
    reduce = darts[darts.index("reduce="):-1]
    (tmp_path / "mine.txt").write_text(RENAMED.format(reduce))
    found = run("similar", "mine.txt", "--json")
    known = json.loads(found.stdout)
    assert known["same"] == ["DARTS_V1"], found.stdout
    assert "DARTS_V1" not in {one["cell"] for one in known["nearest"]}
    assert "the same as DARTS_V1" in run("similar", "mine.txt").stdout
    succeeded("register", "mine.txt", "--name", "MINE")
    assert json.loads(run("similar", "DARTS", "--json").stdout)["same"] == ["MINE"]


def test_the_nearest_cells_come_first():
    known = json.loads(run("similar", "DARTS", "-n", "3", "--json").stdout)
    own = zoo.genotype("DARTS")
    others = [record for record in registry.records(kind="conv") if record.name != "DARTS_V1"]
    distances = sorted(edit_distance(own, record.genotype) for record in others)
    assert [one["distance"] for one in known["nearest"]] == distances[:3]
    assert len(nearest(own, others[:2], 5)) == 2


@pytest.mark.parametrize("record", [
    record for record in registry.records() if record.origin != "user"],
    ids=lambda record: record.name)
def test_every_published_cell_has_an_entry(record):
    if record.paper is None:
        assert failed("cite", record.name).startswith(f"{record.name} has no paper; its source")
        return
    entry = succeeded("cite", record.name)
    paper = record.paper
    assert re.fullmatch(r"@(inproceedings|article|misc)\{[a-z]+\d{4}[a-z0-9]*,\n(  \w+ = \{.*\},\n)"
                        r"+\}\n", entry)
    assert entry.count("{") == entry.count("}") and f"year = {{{paper.year}}}" in entry
    assert all(name.split()[-1] in entry for name in paper.authors.split(", "))
    assert (paper.url in entry) and ("eprint" in entry) == bool(paper.arxiv)


def test_each_paper_is_printed_once():
    papers = {record.paper for record in registry.records() if record.paper}
    assert len({citation.key(paper) for paper in papers}) == len(papers)
    assert succeeded("cite", "DARTS", "DARTS_V2", "GDAS_V1").count("@") == 2


def test_special_characters_of_tex_are_escaped():
    paper = registry.Paper("50 % of A_B & C", "Ö. Ü. Ähm", 2020)
    assert citation.bibtex(paper).splitlines()[:2] == [
        "@misc{ahm202050,", r"  title = {{50 \% of A\_B \& C}},"]


def test_neither_needs_torch():
    code = ("import sys; sys.modules['torch'] = None; from zoo.cli import app; "
            "app(sys.argv[1:], standalone_mode=False)")
    for words in (["similar", "DARTS", "-n", "1"], ["cite", "DARTS"], ["score", "--help"]):
        ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True,
                               text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        assert ended.returncode == 0, ended.stderr
