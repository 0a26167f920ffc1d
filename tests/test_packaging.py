"""Every imported package is declared in setup.cfg, and the version is defined once."""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest

import zoo
from export.formats import shims

ROOT = Path(__file__).parents[1]
OURS = {"zoo", "search", "export", "web_demo", "benchmarks", "tests", "docs"}
#: Distributions by import name, if the two differ.
CALLED = {"PIL": "pillow", "absl": "absl-py", "google": "protobuf", "sklearn": "scikit-learn",
          "tensorflow": "tensorflow-cpu", "typing_extensions": "typing-extensions",
          "yaml": "pyyaml"}
#: Installed without their dependencies.
NO_DEPS = [line for line in (ROOT / "constraints-no-deps.txt").read_text().splitlines()
           if not line.startswith("#")]


def imported(folder):
    """{package: a file that imports it}, without modules next to the file."""
    found = {}
    for file in (ROOT / folder).rglob("*.py"):
        if "node_modules" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names | OURS and not (
                        file.with_name(f"{name}.py").exists()):
                    found.setdefault(CALLED.get(name, name), file.relative_to(ROOT))
    return found


def declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return {re.split(r"[\[<>=;!~ ]", line.strip())[0].lower().replace("_", "-")
            for text in lists for line in text.splitlines()
            if line.strip()[:1] not in ("", "#") and not line.startswith("genotype-zoo[")}


@pytest.mark.parametrize("folder", sorted(OURS))
def test_every_imported_package_is_declared(folder):
    known = declared() | {pin.partition("==")[0] for pin in NO_DEPS}
    missing = {name: file for name, file in imported(folder).items()
               if name.replace("_", "-") not in known}
    assert not missing


def test_the_command_of_zoo_doctor_installs_what_make_does():
    assert list(shims.NO_DEPS.values()) == NO_DEPS
    assert shims.NO_DEPS_COMMAND in (ROOT / "docs/faq.md").read_text(encoding="utf-8").splitlines()


def test_the_extra_all_is_every_extra_of_a_command():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    (named,) = re.findall(r"^genotype-zoo\[(.+)\]$", extras["all"].strip())
    assert {*named.split(",")} == {*extras} - {"all", "ray", "test", "docs"}


def test_every_declared_package_is_pinned():
    pins = {re.split(r"[<>=;!~ ]", line)[0].lower().replace("_", "-")
            for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
            if re.match(r"[\w-]+==", line)}
    ranges = {"mkdocs", "tensorflow"}  # mkdocs by its range; tensorflow is tensorflow-cpu here
    assert declared() - pins - ranges == set()


def test_the_changelog_and_the_citation_know_the_version():
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$",
                          (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert released[0][0] == zoo.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {released[0][0]}\ndate-released: \"{released[0][1]}\"" in citation
