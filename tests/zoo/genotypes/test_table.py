"""Tables of cells: reading CSV files, and errors that name file, row and column."""

import math

import pytest

import zoo
from zoo import registry
from zoo.genotypes.formats import FORMATS, write
from zoo.genotypes.serialization import to_json
from zoo.genotypes.table import TableError, read_table

DARTS, NASNET = (str(zoo.genotype(name)) for name in ("DARTS", "NASNet"))


def quoted(*fields):
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


@pytest.fixture
def table(tmp_path):
    def read(*lines, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes("\n".join(lines).encode(encoding))
        return read_table(path)

    return read


@pytest.mark.parametrize("form", FORMATS)
def test_a_cell_in_every_format(form, table):
    genotype = zoo.genotype("DARTS")
    text, _ = write(genotype, form)
    read = table("valid,genotype", quoted("93.5", text)).genotypes[0]
    assert write(read, form)[0] == text


def test_every_kind_of_cell_and_json_over_several_lines(table):
    cells = {record.genotype: None for record in registry.records() if record.origin != "user"}
    cells[zoo.HierarchicalGenotype([[[["identity"], ["none", "max_pool_3x3"]]]])] = None
    cells[zoo.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|")] = None
    read = table("genotype", *(quoted(to_json(cell)) for cell in cells))
    assert read.genotypes == tuple(cells) and read.rows == tuple(range(2, len(cells) + 2))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_figures_by_column_and_nan_for_missing_values(encoding, table):
    read = table("a,Genotype,b,c", quoted("1.5e-3", DARTS, "-", "x"), "",
                 quoted("-2", NASNET, " ", "y"), encoding=encoding)
    assert read.columns == ("a", "b", "c") and len(read) == 2 and read.rows == (2, 4)
    assert read.column("a") == [0.0015, -2]
    assert all(math.isnan(value) for value in read.column("b"))
    assert read.place == {zoo.genotype("DARTS"): 0, zoo.genotype("NASNet"): 1}


def test_each_note_of_the_reader_appears_once_with_its_row(table):
    nni = [quoted(write(zoo.genotype(name), "nni")[0]) for name in ("DARTS", "DARTS_V2")]
    notes = table("genotype", quoted(NASNET), *nni).notes
    assert len(notes) == 1 and notes[0].startswith("row 3: read as NNI")


@pytest.mark.parametrize("lines, message", [
    ([""], "has no column 'genotype' .* found none"),
    (["arch,valid", quoted(DARTS, "1")], "no column 'genotype' .* found 'arch', 'valid'"),
    (["genotype,valid"], "has no rows below its header"),
    (["genotype,a,a", quoted(DARTS, "1", "2")], "two columns named 'a'"),
    (["genotype,a", quoted(DARTS)], "row 2: 1 fields, but the header has 2"),
    (["genotype,a", f"{DARTS},1"], "row 2: .* quote fields that contain commas"),
    (["genotype", quoted(DARTS), quoted(NASNET.replace("skip_connect", "skip"))],
     "row 3, column genotype: .*unknown operation 'skip'"),
    (["genotype", quoted(DARTS), quoted("")],
     "row 3, column genotype: the text has no genotype; expected Genotype"),
    (["genotype", quoted(DARTS), quoted(NASNET), quoted(DARTS)],
     'rows 2 and 4 hold the same cell, "Genotype'),
    (["genotype,a", '"x'], "line 2: not CSV"),
])
def test_an_invalid_table_is_refused(lines, message, table, tmp_path):
    with pytest.raises(TableError, match=message) as caught:
        table(*lines)
    assert str(caught.value).startswith(str(tmp_path / "table.csv"))
    assert "\n" not in str(caught.value)


def test_binary_data_is_refused(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"genotype\n\xff\x00\x80")
    with pytest.raises(TableError, match=r"table\.csv is not UTF-8 text"):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize("column, message", [
    ("valied", "no column 'valied'; did you mean valid"),
    ("valid", "row 3, column valid: '1_0' is not a number"),
])
def test_an_invalid_column_is_refused(column, message, table):
    read = table("genotype,valid", quoted(DARTS, "1"), quoted(NASNET, "1_0"))
    with pytest.raises(TableError, match=message):
        read.column(column)
