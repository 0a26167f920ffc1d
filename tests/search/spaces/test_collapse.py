"""Signs of collapse, and the epoch that a run keeps."""

import pytest

from search.spaces.collapse import choose, collapsed, persists, warnings
from zoo import parse
from zoo.genotypes.cell import Cell
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.registry import genotype as published

SOUND = Cell([[("sep_conv_3x3", 0), ("sep_conv_3x3", 1)]] * 4, range(2, 6))


def conv(*operations):
    """A normal cell of these eight operations, and a healthy reduction cell."""
    names = iter(operations)
    return ConvGenotype(Cell([[(next(names), 0), (next(names), 1)] for _ in range(4)],
                             range(2, 6)), SOUND)


def recurrent(*operations):
    return RecurrentGenotype(Cell([[(name, 0)] for name in operations], range(1, 9)))


def test_published_cells_are_healthy():
    for name in ("DARTS_V1", "DARTS_V2", "PC_DARTS_cifar", "DARTS_V2_RNN"):
        assert warnings(published(name)) == []


def test_skip_connections_that_crowd_out_convolutions():
    learns, skips = ["sep_conv_3x3"], ["skip_connect"]
    assert warnings(conv(*learns * 5, *skips * 3)) == []
    assert warnings(conv(*learns * 4, *skips * 4)) == [
        "collapse: 4 of 8 edges of the normal cell are skip connections"]


def test_a_cell_that_learns_nothing():
    cell = conv(*["max_pool_3x3"] * 3, *["avg_pool_3x3"] * 3, *["skip_connect"] * 2)
    assert warnings(cell) == ["collapse: every edge of the normal cell is parameter-free"]


def test_a_cell_without_a_path_from_its_input():
    """Its output is constant: chance for every image."""
    cut = parse("|none~0|+|none~0|nor_conv_1x1~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|")
    assert warnings(cut) == ["collapse: no path leads from the input of the cell to its output"]
    path = parse("|nor_conv_1x1~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|")
    assert warnings(path) == []


def test_the_reduction_cell_may_skip():
    skips = Cell([[("skip_connect", 0), ("skip_connect", 1)]] * 4, range(2, 6))
    assert warnings(ConvGenotype(SOUND, skips)) == []


def test_identities_do_less_harm_in_a_recurrent_cell():
    assert warnings(recurrent(*["identity"] * 5, *["tanh"] * 3)) == []
    assert warnings(recurrent(*["identity"] * 6, *["tanh"] * 2)) == [
        "collapse: 6 of 8 edges of the recurrent cell are skip connections"]


def rows(pattern):
    """A row for each letter: c has collapsed, s has not."""
    return [{"epoch": number, "warnings": ["collapse: here"] if letter == "c" else []}
            for number, letter in enumerate(pattern, start=1)]


@pytest.mark.parametrize("pattern, epoch, why", [
    ("sss", 3, "the last epoch"),
    ("scs", 3, "the last epoch"),
    ("sscc", 2, "the last epoch before the collapse (collapse: here)"),
    ("scsc", 3, "the last epoch before the collapse (collapse: here)"),
    ("cc", 2, "the last epoch, though every epoch shows a collapse"),
])
def test_the_epoch_that_is_kept(pattern, epoch, why):
    assert choose(rows(pattern)) == (epoch, why)


@pytest.mark.parametrize("pattern, ends", [
    ("", False), ("cc", False), ("sccc", True), ("cccs", False), ("ccscc", False)])
def test_a_collapse_has_to_last_before_it_ends_a_run(pattern, ends):
    assert persists(rows(pattern)) is ends


def test_other_warnings_are_not_a_collapse():
    assert not collapsed({"warnings": ["3 candidates diverged"]})
    assert not collapsed({})
