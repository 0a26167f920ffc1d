"""The published cells: number, names, and sources."""

import itertools
import random

import pytest

import zoo
from zoo import registry
from zoo.genotypes.conv import CONV_OPERATIONS, STOCHASTIC_OPERATIONS
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS

PUBLISHED = [cell.name for cell in registry.records() if cell.origin == "published"]

# The three cells of the project's first specification, as printed there.
FOUNDING = {
    "NASNet": """Genotype(
        normal=[
            ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0),
            ('avg_pool_3x3', 1), ('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0),
            ('sep_conv_3x3', 1), ('skip_connect', 1),
        ],
        normal_concat=[2, 3, 4, 5, 6],
        reduce=[
            ('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1), ('sep_conv_7x7', 0),
            ('avg_pool_3x3', 1), ('sep_conv_5x5', 0), ('skip_connect', 3), ('avg_pool_3x3', 2),
            ('sep_conv_3x3', 2), ('max_pool_3x3', 1),
        ],
        reduce_concat=[4, 5, 6])""",
    "AmoebaNet": """Genotype(
        normal=[
            ('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 2),
            ('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1),
            ('skip_connect', 0), ('avg_pool_3x3', 1),
        ],
        normal_concat=[4, 5, 6],
        reduce=[
            ('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2),
            ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1),
            ('conv_7x1_1x7', 0), ('sep_conv_3x3', 5),
        ],
        reduce_concat=[3, 4, 6])""",
    "DARTS": """Genotype(
        normal=[
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1),
            ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2),
        ],
        normal_concat=[2, 3, 4, 5],
        reduce=[
            ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0),
            ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0),
        ],
        reduce_concat=[2, 3, 4, 5])""",
}


@pytest.fixture(autouse=True)
def published_only(tmp_path, monkeypatch):
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path))


def test_there_are_119_published_cells_and_one_of_ours():
    assert len(PUBLISHED) == 120 and len(zoo.list_cells()) == 121
    ours, = (cell for cell in registry.records() if cell.origin != "published")
    assert ours.name == "FOUND_1" and ours.origin == "found"
    assert "seed 0" in ours.source and ours.paper is None


@pytest.mark.parametrize("name, printed", FOUNDING.items())
def test_the_first_cells_are_as_printed(name, printed):
    assert zoo.genotype(name) == zoo.parse(printed)


def test_the_first_names_are_aliases():
    names = {name: registry.record(name).name for name in FOUNDING}
    assert names == {"NASNet": "NASNet_A", "AmoebaNet": "AmoebaNet_A", "DARTS": "DARTS_V1"}


def test_about_thirty_cells_are_headline_cells():
    headline = {cell.name for cell in registry.records() if cell.headline}
    assert 30 <= len(headline) <= 40
    assert {"NASNet_A", "AmoebaNet_A", "DARTS_V1", "DARTS_V2", "PC_DARTS_cifar", "ENAS_RNN",
            "DARTS_V1_RNN", "DARTS_V2_RNN"} <= headline


def test_every_operation_is_used_and_known():
    used = {kind: set() for kind in registry.KINDS}
    for cell in registry.records():
        for part in cell.genotype.cells().values():
            used[cell.genotype.kind] |= {operation for operation, _ in part.edges}
    assert used["conv"] == CONV_OPERATIONS.keys() - STOCHASTIC_OPERATIONS
    assert used["recurrent"] <= RECURRENT_OPERATIONS.keys()
    assert used["nasbench201"] <= NASBENCH201_OPERATIONS.keys()


def test_names_and_aliases_are_unique():
    names = [name.casefold() for cell in registry.records()
             for name in (cell.name, *cell.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_cell_says_where_it_comes_from(name):
    cell = registry.record(name)
    assert cell.paper.title and cell.paper.authors and 2017 < cell.paper.year < 2023
    assert cell.method and cell.sources
    assert cell.paper.arxiv or cell.name == "PTDARTS_cifar10"
    for key, value in cell.reported.items():
        assert isinstance(value, str | list) == key.endswith(("note", "numbers_from")), key
        if key.endswith("_error"):
            assert 0 < value < 100


def test_the_best_cells_of_nasbench201_have_the_indices_of_the_benchmark():
    """It shuffles the cells of its space with seed 88; its code asserts numbers 0, 9 and 123."""
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    cells = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*chosen)
             for chosen in itertools.product(operations, repeat=6)]
    random.Random(88).shuffle(cells)
    assert cells[0] == ("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
                        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|")
    assert cells[9] == ("|avg_pool_3x3~0|+|none~0|none~1|"
                        "+|skip_connect~0|none~1|nor_conv_3x3~2|")
    assert cells[123] == ("|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|"
                          "+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|")
    assert {name: cells[number] for name, number in (
        ("NB201_best_cifar10", 6111), ("NB201_best_cifar100", 9930),
        ("NB201_best_imagenet16_120", 857))} == {
            name: str(zoo.genotype(name)) for name in (
                "NB201_best_cifar10", "NB201_best_cifar100", "NB201_best_imagenet16_120")}


def test_gdas_frc_has_its_fixed_reduction():
    reduce = zoo.genotype("GDAS_FRC").reduce
    assert [operation for operation, _ in reduce.edges] == [
        "grouped_conv_1x3_3x1", "grouped_conv_1x3_3x1", "max_pool_3x3_bn", "max_pool_3x3_bn"]
