"""Fronts, orders and hypervolumes equal those by definition."""

import itertools
import random

import pytest

from search.fronts.pareto import crowding, front, hypervolume, order, ranks


def points(seed, count=30, dimensions=2, most=7):
    """Small whole numbers, so that some coordinates and some points tie."""
    rng = random.Random(seed)
    return [tuple(rng.randrange(most) for _ in range(dimensions)) for _ in range(count)]


def dominates(one, other):
    return one != other and all(a <= b for a, b in zip(one, other))


CASES = [points(seed, count, dimensions) for seed, count, dimensions in itertools.product(
    range(3), (1, 12, 30), (1, 2, 3))]


@pytest.mark.parametrize("cells", CASES)
def test_a_point_of_rank_n_is_dominated_by_one_of_rank_n_minus_1_and_by_none_above(cells):
    found = ranks(cells)
    for cell, rank in zip(cells, found):
        above = [other for other, number in zip(found, cells) if dominates(number, cell)]
        assert rank == (max(above) + 1 if above else 0)


@pytest.mark.parametrize("cells", CASES)
def test_the_front_holds_each_undominated_point_once(cells):
    found = [cells[place] for place in front(cells)]
    assert found == sorted({cell for cell in cells
                            if not any(dominates(other, cell) for other in cells)})


@pytest.mark.parametrize("cells", CASES)
def test_the_hypervolume_is_the_number_of_dominated_unit_cubes(cells):
    reference = (6,) * len(cells[0])
    cubes = sum(any(all(a <= b for a, b in zip(cell, corner)) for cell in cells)
                for corner in itertools.product(range(6), repeat=len(reference)))
    assert hypervolume(cells, reference) == cubes


def test_the_order_is_by_front_and_then_by_crowding():
    for cells in CASES:
        found, place = ranks(cells), order(cells)
        assert sorted(place) == list(range(len(cells)))
        assert [found[each] for each in place] == sorted(found)
    line = [(0, 10), (1, 9), (2, 8), (6, 4), (10, 0)]
    assert crowding(line) == pytest.approx([float("inf"), 0.4, 1.0, 1.6, float("inf")])
    assert order(line) == [0, 4, 3, 2, 1]


def test_no_points_have_no_front():
    assert ranks([]) == front([]) == order([]) == crowding([]) == []
    assert hypervolume([], (1, 1)) == hypervolume([(2, 0)], (1, 1)) == 0
