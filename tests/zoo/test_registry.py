"""Names of cells: exact, alias, wildcard, did-you-mean, and the user's own."""

import json
import os

import pytest

import zoo
from zoo import registry
from zoo.genotypes.cell import GenotypeError
from zoo.registry import UnknownCellError, record

MINE = zoo.parse("Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], "
                 "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])")


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A separate, empty data folder."""
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path))
    return tmp_path / "cells"


def test_names_are_found_in_any_case_and_by_alias():
    assert record("darts_v2").name == "DARTS_V2"
    assert record("PCDARTS").name == record("pcdarts").name == "PC_DARTS_cifar"
    assert zoo.genotype("NASNet") == zoo.genotype("NASNet_A")


def test_an_unknown_name_gets_suggestions():
    with pytest.raises(UnknownCellError) as caught:
        zoo.genotype("DRATS")
    assert str(caught.value) == ("no cell is named 'DRATS'; did you mean DARTS or PDARTS or "
                                 "PCDARTS? `zoo list --all` shows every cell")
    with pytest.raises(UnknownCellError) as caught:
        zoo.genotype("qqqqqqqq")
    assert str(caught.value) == ("no cell is named 'qqqqqqqq'; `zoo list --all` shows every cell")


def test_list_takes_wildcards_and_sorts_numbers_as_numbers():
    assert zoo.list_cells("DARTS_V*") == ["DARTS_V1", "DARTS_V1_RNN", "DARTS_V2", "DARTS_V2_RNN"]
    assert zoo.list_cells("sgas_cri1_*")[-2:] == ["SGAS_Cri1_9", "SGAS_Cri1_10"]
    assert zoo.list_cells("GDAS_FRC") == ["GDAS_F1"]
    assert zoo.list_cells("nothing*") == []
    assert "DARTS_V1" in zoo.list_cells("*darts*")


def test_list_by_kind():
    assert len(zoo.list_cells(kind="conv")) == 109
    assert len(zoo.list_cells(kind="recurrent")) == 6
    with pytest.raises(ValueError, match="unknown kind 'rnn'; there are conv, recurrent"):
        zoo.list_cells(kind="rnn")


def test_a_registered_cell_is_known_by_name(data):
    path = zoo.register("MINE", MINE, source="run 7")
    assert path == data / "MINE.json"
    assert zoo.genotype("mine") == MINE
    assert "MINE" in zoo.list_cells()
    mine = record("MINE")
    assert (mine.origin, mine.source, mine.path, mine.paper) == ("user", "run 7", path, None)
    assert json.loads(path.read_text())["name"] == "MINE"
    assert zoo.parse(path.read_text()) == MINE
    assert os.listdir(data) == ["MINE.json"]


def test_a_registered_cell_is_replaced_only_on_request(data):
    zoo.register("MINE", zoo.genotype("DARTS_V2"))
    with pytest.raises(ValueError, match="already named 'MINE'.*--replace"):
        zoo.register("mine", MINE)
    assert zoo.genotype("MINE") == zoo.genotype("DARTS_V2")
    zoo.register("mine", MINE, replace=True)
    assert zoo.genotype("MINE") == MINE
    assert os.listdir(data) == ["MINE.json"]


@pytest.mark.parametrize("name", ["DARTS", "darts_v2", "PCDARTS"])
def test_the_name_of_a_published_cell_is_refused(name, data):
    with pytest.raises(ValueError, match="is the published cell"):
        zoo.register(name, MINE, replace=True)
    assert not data.exists()


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", ".hidden", "-o", "a b", "ä", "a\n",
                                  "x" * 101])
def test_a_name_that_cannot_be_a_file_is_refused(name, data):
    with pytest.raises(ValueError, match="cannot name a cell"):
        zoo.register(name, MINE)
    assert not data.exists()


def test_only_a_genotype_is_registered():
    with pytest.raises(TypeError, match="needs a genotype, not str"):
        zoo.register("MINE", str(MINE))


def test_a_failed_write_leaves_the_old_cell(data, monkeypatch):
    zoo.register("MINE", MINE)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "replace", full)
        zoo.register("MINE", zoo.genotype("DARTS_V2"), replace=True)
    assert os.listdir(data) == ["MINE.json"]
    assert zoo.genotype("MINE") == MINE


@pytest.mark.parametrize("content, message", [
    (b"{", "BROKEN.json: not valid JSON: .*line 1.*correct or delete the file"),
    (b"[]", "BROKEN.json: expected a JSON object, found list"),
    (b"\xff\xfe", "BROKEN.json: "),
    (b'{"normal": 1}', "BROKEN.json: 'normal' must be an object"),
    (b"[" * 100_000, "BROKEN.json: "),
    (b'{"kind": ' + b"9" * 5000 + b"}", "BROKEN.json: "),
])
def test_a_broken_file_leaves_other_cells_usable(content, message, data):
    zoo.register("MINE", MINE)
    (data / "BROKEN.json").write_bytes(content)
    assert "MINE" in zoo.list_cells() and "BROKEN" not in zoo.list_cells()
    assert zoo.genotype("MINE") == MINE
    (problem,) = registry.broken_user_cells()
    assert "BROKEN.json" in problem and "\n" not in problem
    with pytest.raises(GenotypeError, match=message):
        zoo.genotype("broken")
    with pytest.raises(UnknownCellError):
        zoo.genotype("other")


def test_a_file_with_an_invalid_name_is_reported(data):
    zoo.register("MINE", MINE)
    (data / "MINE.json").rename(data / "My cell.json")
    (problem,) = registry.broken_user_cells()
    assert "'My cell' cannot name a cell" in problem


def test_a_file_with_the_name_of_a_published_cell_is_reported(data):
    zoo.register("MINE", MINE)
    (data / "MINE.json").rename(data / "DARTS.json")
    (problem,) = registry.broken_user_cells()
    assert "'DARTS' is the name of a published cell; rename the file" in problem
    assert zoo.genotype("DARTS") == zoo.genotype("DARTS_V1")


def test_the_data_folder_of_the_platform_is_the_default(monkeypatch):
    monkeypatch.delenv("GENOTYPE_ZOO_DATA")
    assert registry.user_folder().parts[-2:] == ("genotype-zoo", "cells")
