"""Tables and drawings of the documentation, generated from the registries while mkdocs builds it.

A page includes one by `<!-- made: NAME -->`; `TABLES` lists them.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.testing import CliRunner

import export
import search.cli
import zoo.cli
from export.formats.base import CONVERTERS, FORMATS
from export.runtimes.base import RUNTIMES
from search.config import SearchOptions, plan
from search.settings import CONV_PRESETS, TEXT_PRESETS
from search.strategies import STRATEGIES, Entry
from web_demo.runtimes import RUNTIMES as OF_THE_PAGE
from zoo import registry
from zoo.data.images import NAMES
from zoo.data.text import TEXT_NAMES
from zoo.genotypes.edit_distance import edit_distance
from zoo.genotypes.hierarchical import PRIMITIVES
from zoo.genotypes.nasbench201 import NASBENCH201_OPERATIONS
from zoo.genotypes.recurrent import RECURRENT_OPERATIONS
from zoo.plotting.cell import svg as cell_figure
from zoo.recipes.image import RECIPES
from zoo.recipes.language import PRESETS, language_recipe
from zoo.scores import SCORES

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from draw_operations import operations
from markdown_tables import code, described, settings, shown, table

from benchmarks import runtimes as measurements

ROOT = Path(__file__).parents[1]
_MARKER = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def cells() -> str:
    return table(["name", "kind", "year", "method"], [
        [code([cell.name, *cell.aliases]), cell.genotype.kind,
         f"[{cell.paper.year}]({cell.paper.url})" if cell.paper and cell.paper.url else "",
         cell.method] for cell in registry.records() if cell.origin != "user"])


def close_cells() -> str:
    """The pairs of published cells that are at most four edits apart."""
    cells = [cell for cell in registry.records() if cell.origin != "user"]
    rows: list[tuple[int, str, str]] = []
    for one, other in itertools.combinations(cells, 2):
        if one.genotype.kind == other.genotype.kind:
            distance = edit_distance(one.genotype, other.genotype, most=4)
            if distance is not None:
                rows.append((distance, one.name, other.name))
    return table(["edits", "cell", "cell"], [
        [str(distance), f"`{one}`", f"`{other}`"] for distance, one, other in sorted(rows)])


def scores() -> str:
    return table(["`--score`", "what it is", "reads", "source"], [
        [f"`{name}`", one.help, one.reads, one.paper] for name, one in SCORES.items()])


def strategies() -> str:
    rows = []
    for name, entry in STRATEGIES.items():
        papers = dict.fromkeys(re.findall(r"arXiv\s+(\d+\.\d+)", entry._module().__doc__ or ""))
        rows.append([f"`{name}`", entry.help, "yes" if entry.shares_weights else "no",
                     ", ".join(f"[{paper}](https://arxiv.org/abs/{paper})" for paper in papers),
                     "<br>".join(f"{space}: {_cost(name, space)}" for space in entry.spaces)])
    return table(["`--strategy`", "method", "shares weights", "arXiv",
                  "spaces, and the cost of `--preset quick`"], rows)


def _cost(strategy: str, space: str) -> str:
    """The cost, to two digits, since the last batch of an epoch may be left out."""
    config, data = plan(SearchOptions(strategy=strategy, space=space, device="cpu"))
    chosen, domain = config.strategy_settings(), config.domain
    if config.entry.shares_weights:
        count, one, what = chosen.epochs, domain.epoch_cost(data, chosen), "epochs"
    else:
        recipe = domain.read_recipe(config.training or {})
        count, what = chosen.candidates, "candidates"
        one = domain.candidates(data, recipe, 0, "cpu").cost
    return (f"{count} {what}, {float(f'{count * one:.2g}'):,.0f} "
            + ("tokens" if space == "recurrent" else "images"))


def strategy_settings() -> str:
    """Settings of weight-sharing strategies that differ from DARTS; all settings of the others."""
    return table(["strategy", "preset", "settings"], [
        [f"`{name}`", f"`{preset}`", ", ".join(f"`{key}` {shown(v)}" for key, v in values.items())]
        for name, entry in STRATEGIES.items() for preset, values in _settings(entry).items()])


def _settings(entry: Entry) -> dict[str, dict[str, Any]]:
    """The rows of a strategy, by preset; its own settings stand in the first."""
    if not entry.shares_weights:
        return {name: dataclasses.asdict(one) for name, one in entry.presets().items()}
    found = {name: dict(values) for name, values in (entry.changes or {}).items()}
    if own := entry.own_settings():
        base = CONV_PRESETS["paper"]
        extra = dataclasses.asdict(entry.settings(base))
        first = found.setdefault("paper", {})
        first.update({name: extra[name] for name in own.names()
                      if name not in base.names() and name not in first})
    return found


def formats() -> str:
    return table(["`--export`", "format", "place", "made from", "`--precision`", "packages"], [
        [f"`{name}`", each.title, f"`{each.place}`",
         FORMATS[each.source].title if each.source else "the network",
         ", ".join(each.precisions), code(each.packages)]
        for name, each in FORMATS.items()])


def runtimes() -> str:
    return table(["`--runtime`", "runtime", "where", "runs", "backends", "`--images`"], [
        [f"`{name}`", each.title,
         "Chromium" if name in OF_THE_PAGE else "Node" if name == "node" else "Python",
         FORMATS[each.reads].title, code(each.backends), "yes" if each.agree else ""]
        for name, each in RUNTIMES.items()])


def measured(column: str) -> str:
    """A table of what `benchmarks.runtimes` measured."""
    text = (ROOT / "docs/runtimes.csv").read_text(encoding="utf-8")
    lines = measurements.read(text)
    if column == "load_ms":
        lines = [line for line in lines if line.load_ms is not None]
        return measurements.table(lines, "load_ms")
    return f"{lines[0].machine}:\n\n{measurements.table(lines)}"


def commands() -> str:
    """The help text of every command."""
    parts = []
    for program, app in (("zoo", zoo.cli.app), ("search", search.cli.app)):
        for name in typer.main.get_command(app).commands:
            printed = CliRunner().invoke(app, [name, "--help"], prog_name=program).output
            parts.append(f"## {program} {name}\n\n```text\n{printed.strip()}\n```")
    return "\n\n".join(parts)


def api() -> str:
    """The packages with public names: the description of each, then its names."""
    return "\n\n".join(
        f"::: {package.__name__}\n    options: {{members: false}}\n\n"
        + "\n\n".join(f"::: {package.__name__}.{name}" for name in package.__all__)
        for package in (zoo, export))


def notebook(name: str) -> str:
    """A notebook of examples/ as a section of a page, with a link to the file."""
    parts = [f"Download: [{name}.ipynb]({name}.ipynb)."]
    for cell in json.loads((ROOT / f"examples/{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            parts.append(f"```python\n{text}\n```")
        else:
            parts.append(re.sub("^#", "##", text, flags=re.MULTILINE))
    title = parts.pop(1)
    return "\n\n".join([title, *parts])


def root_page(name: str) -> str:
    """A Markdown file of the repository's root, with links relative to docs/."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return text.replace("](docs/", "](").replace("](CONTRIBUTING.md)", "](contributing.md)")


TABLES: dict[str, Callable[[], str]] = {
    "readme": lambda: root_page("README.md"),
    "contributing": lambda: root_page("CONTRIBUTING.md"),
    "export_and_run": lambda: notebook("export_and_run"),
    "search_and_build": lambda: notebook("search_and_build"),
    "operations": operations, "cells": cells, "close_cells": close_cells, "scores": scores,
    "strategies": strategies, "formats": formats,
    "strategy_settings": strategy_settings, "runtimes": runtimes, "commands": commands,
    "api": api, "measured_runtimes": lambda: measured("ms"),
    "measured_loads": lambda: measured("load_ms"),
    "recurrent_operations": lambda: described(RECURRENT_OPERATIONS, "operation"),
    "primitives": lambda: described(PRIMITIVES, "operation"),
    "nasbench201_operations": lambda: described(NASBENCH201_OPERATIONS, "operation"),
    "images": lambda: described(NAMES, "`--data`"),
    "texts": lambda: described(TEXT_NAMES, "`--data`"),
    "converters": lambda: described(
        {name: " ".join((importlib.import_module(module).__doc__ or "").split("\n\n")[0].split())
         for name, module in CONVERTERS.items()}, "`--converter`"),
    "image_recipes": lambda: settings({
        f"{data} `{name}`": one for data, all in RECIPES.items() for name, one in all.items()}),
    "language_recipes": lambda: settings({
        f"{data} `{name}`": language_recipe(data, name)
        for data in TEXT_NAMES for name in PRESETS}),
    "conv_search": lambda: settings({f"`{name}`": one for name, one in CONV_PRESETS.items()}),
    "text_search": lambda: settings({f"`{name}`": one for name, one in TEXT_PRESETS.items()}),
}


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the figure of a cell, and the notebooks."""
    files.append(File.generated(config, "DARTS_V2.svg", content=cell_figure(
        registry.genotype("DARTS_V2"), "DARTS_V2")))
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        files.append(File.generated(config, path.name, abs_src_path=str(path)))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the markers by their tables; raises KeyError for an unknown name."""
    return _MARKER.sub(lambda found: TABLES[found[1]](), markdown)
