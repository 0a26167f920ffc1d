"""Two recurrent cells, each against an LSTM of equal size trained alike: test perplexities.

    python -m benchmarks.language --data shakespeare.txt -o runs     # hours on a CPU
    python -m benchmarks.language --epochs 1 --hidden 64             # minutes, on the sample

Interrupted runs resume, and finished ones are not trained again; with other options, or on a device
of another precision, they are refused.  An LSTM has the recipe, data, seed and epochs of its cell,
but always the recipe's learning rate.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zoo.commands import progress
from zoo.data.text import named_text
from zoo.recipes.language import PRESETS, language_recipe
from zoo.runs import run_folder
from zoo.training import language_modeling, lstm_baseline

CELLS = ("DARTS_V2_RNN", "ENAS_RNN")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sample", help="name of a text, or a text file")
    parser.add_argument("--path", type=Path, help="folder of a named text")
    parser.add_argument("--by", choices=["word", "char"])
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--learning-rate", type=float,
                        help="of the cells; the LSTMs have the recipe's")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs"))
    given = parser.parse_args()
    text = named_text(given.data, given.path, given.by)
    recipe = language_recipe(text.name, given.preset).but(epochs=given.epochs, hidden=given.hidden)
    found = {}
    for cell in CELLS:
        folder = given.output / f"{cell}-{text.name}"
        with progress.steps(cell, 1, "tokens") as report:
            manifest = language_modeling.train(
                cell, text, recipe.but(learning_rate=given.learning_rate), folder,
                precision=given.precision, resume=(folder / run_folder.CONFIG).exists(),
                report=report)
        found[cell] = manifest.metrics | {"parameters": manifest.parameters}
        folder = given.output / f"LSTM-{cell}-{text.name}"
        title = f"LSTM against {cell}"
        with progress.steps(title, 1, "tokens") as report:
            found[title] = lstm_baseline.train(
                manifest.parameters, text, recipe, folder, precision=given.precision,
                resume=(folder / run_folder.CONFIG).exists(), report=report)
    table = Table("network", "parameters", "valid perplexity", "test perplexity", "seconds",
                  title=f"{text.name} by {text.by}, {recipe.epochs} epochs")
    for name, row in found.items():
        table.add_row(name, f"{row['parameters']:,}", f"{row['valid_perplexity']:.2f}",
                      f"{row['test_perplexity']:.2f}", f"{row['seconds']:,}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
