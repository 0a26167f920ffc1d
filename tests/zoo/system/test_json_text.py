"""Written JSON is valid for every reader."""

import ast
import json
from pathlib import Path

import pytest

from zoo.runs.run_folder import append_line
from zoo.system import json_text
from zoo.system.json_text import dumps

ROOT = Path(json_text.__file__).parents[2]
#: Other calls of `json.dumps`: values that are hashed, compared or read back without being written
#: to a file, and texts without numbers.
ELSEWHERE = {"search/config.py", "zoo/training/language_modeling.py",
             "zoo/genotypes/serialization.py", "zoo/registry.py", "zoo/system/json_text.py"}


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_null(number, tmp_path):
    value = {"a": number, "b": [1.5, (number, {"c": number})], "d": "NaN", "e": True}
    read = json.loads(dumps(value), parse_constant=no_constant)
    assert read == {"a": None, "b": [1.5, [None, {"c": None}]], "d": "NaN", "e": True}
    append_line(tmp_path / "history.jsonl", {"epoch": 1, "train_loss": number})
    assert (tmp_path / "history.jsonl").read_text() == '{"epoch": 1, "train_loss": null}\n'


def test_finite_values_keep_their_bytes():
    value = {"b": 0.1, "a": [1, 2.5e-300, None, "\u00e4"], "c": {}}
    assert dumps(value) == json.dumps(value)
    layout = {"indent": 2, "ensure_ascii": False, "sort_keys": True}
    assert dumps(value, **layout) == json.dumps(value, **layout)


def test_all_json_is_written_by_the_one_function():
    """`json.dumps` writes NaN, which is not JSON."""
    for package in ("zoo", "search", "export", "web_demo"):
        for file in (ROOT / package).rglob("*.py"):
            calls = {node.func.attr for node in ast.walk(ast.parse(file.read_text("utf-8")))
                     if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                     and isinstance(node.func.value, ast.Name) and node.func.value.id == "json"}
            if file.relative_to(ROOT).as_posix() not in ELSEWHERE:
                assert not calls & {"dump", "dumps"}, file
