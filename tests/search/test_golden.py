"""Optimizer steps of DARTS equal those of the 2018 definition, order 1 and 2, on both spaces."""

import json
from pathlib import Path

import pytest

from tests import golden
from tests.golden import compare

CASES = json.loads(Path(golden.__file__).with_name("search.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['space']}-order{case['order']}")
def test_steps_equal_those_of_the_2018_definition(case):
    row = compare.row(case)
    assert row.error <= 1e-8, row.note


def test_a_wrong_value_is_noticed():
    case = json.loads(json.dumps(CASES[2]))
    case["steps"][1]["alphas"][7][2] += 1e-6
    row = compare.row(case)
    assert not row.ok and "step 1 alphas" in row.note
