"""Docstring examples run, and every public name has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import export
import zoo

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("zoo", "search", "export", "web_demo")
    for file in (ROOT / package).rglob("*.py")
    if "node_modules" not in file.parts and ">>> " in file.read_text(encoding="utf-8"))
PUBLIC = {f"{package.__name__}.{name}": getattr(package, name)
          for package in (zoo, export) for name in package.__all__}


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOTYPE_ZOO_DATA", str(tmp_path / "data"))
    failed, tried = doctest.testmod(importlib.import_module(module),
                                    optionflags=doctest.ELLIPSIS)
    assert tried and not failed


@pytest.mark.parametrize("name", [
    name for name, value in PUBLIC.items()
    if not (isinstance(value, type) and issubclass(value, Exception))])
def test_a_public_name_has_an_example(name):
    assert "Examples:\n    >>> " in inspect.getdoc(PUBLIC[name])
