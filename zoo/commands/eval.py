"""`zoo eval`: accuracy and confusion matrix of an artifact's network."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.commands.options import (
    ARTIFACT_HELP,
    DATA_HELP,
    By,
    Device,
    Files,
    Size,
    measured,
    refuse,
    same_text,
)
from zoo.commands.table import print_table
from zoo.system import json_text

if TYPE_CHECKING:
    from zoo.artifact.folder import Where
    from zoo.artifact.manifest import Manifest
    from zoo.models.recurrent import LanguageModel
    from zoo.training.evaluation import Result


def evaluate(
    target: Annotated[str, typer.Argument(metavar="artifact", help=ARTIFACT_HELP)],
    data: Annotated[str | None, typer.Option(
        "--data", help=f"Data set. Default: that of the training. {DATA_HELP}")] = None,
    path: Files = None,
    size: Size = None,
    by: By = None,
    device: Device = "auto",
    confusion: Annotated[Path | None, typer.Option(
        "--confusion", help="Write the confusion matrix to FILE.svg or FILE.csv.")] = None,
    as_json: Annotated[bool, typer.Option(
        "--json", help="Print one JSON object.")] = False,
) -> None:
    """Evaluate a trained network: accuracy on the test set, overall and per class; perplexity of a
    language model.

    \b
    Example:
      zoo eval runs/DARTS-digits
      zoo eval runs/DARTS_V2-cifar10 --path ~/cifar10 --confusion mistakes.svg
      zoo eval hf://USER/NAME
    """
    from zoo.commands import progress
    from zoo.data.images import load, load_for
    from zoo.hub.artifact import place
    from zoo.models.recurrent import LanguageModel
    from zoo.system.device import pick_device
    from zoo.training.evaluation import check_match, predict, score
    from zoo.weights import load_artifact
    from zoo.weights.numbers import check_output

    if confusion and confusion.suffix.lower() not in (".svg", ".csv"):
        raise ValueError(f"--confusion writes .svg or .csv, not {confusion.name}")
    if confusion and not confusion.parent.is_dir():
        raise ValueError(f"there is no folder {confusion.parent} for --confusion {confusion.name}")
    processor = pick_device(device)
    directory = place(target)
    model, manifest = load_artifact(directory)
    if isinstance(model, LanguageModel):
        refuse("an image network", confusion=confusion, size=size)
        return _evaluate_language(directory, manifest, model, data=data, path=path, by=by,
                                  device=device, as_json=as_json)
    refuse("a language model", by=by)
    data = data or manifest.input.data
    if data is None:
        raise ValueError(f"{directory} does not name its data set; give it with --data")
    images = (load_for(manifest.input, data, path) if size is None else
              load(data, path, size))
    check_match(manifest, images)
    with progress.steps("evaluating", 1) as report:
        logits = predict(model.to(processor), images.test.images, manifest.input.mean,
                         manifest.input.std, report=report)
    check_output(logits, f"{directory}: the network")
    result = score(logits, images.test.labels, len(images.labels))
    if confusion:
        _write(confusion, result, images.labels, f"{manifest.name} on {data}")
    if as_json:
        typer.echo(json_text.dumps(_facts(manifest, data, images.labels, result),
                                   ensure_ascii=False))
        return
    _print(images.labels, result)
    if not manifest.trained:
        typer.echo("this network is untrained: its weights are random")
    top5 = "" if result.top5_accuracy is None else f", {result.top5_accuracy:.2%} among five"
    typer.echo(f"{manifest.name} on {data}: {result.accuracy:.2%} of {result.images:,} test "
               f"images{top5}")


def _print(labels: list[str], result: Result) -> None:
    """Print accuracies by class with the confusion matrix, or, on a narrow terminal, with the most
    frequent mistakes."""
    from zoo.plotting.confusion import worst

    width = shutil.get_terminal_size().columns
    name = min(16, max(map(len, labels)))
    cell = len(str(result.confusion.max()))
    matrix = name + 6 + 9 + len(labels) * (2 + max(cell, len(str(len(labels) - 1)))) + 4 <= width
    columns = ["", "class", "right", "images"]
    rows: list[list[object]] = [
        [number, label[:16], f"{accuracy:.2%}" if count else "-", count]
        for number, (label, count, accuracy) in enumerate(zip(
            labels, result.class_images, result.class_accuracy))]
    if matrix:  # columns are headed by the class numbers
        columns = ["", "class", "right", *map(str, range(len(labels)))]
        rows = [row[:3] + [count or "." for count in counts]
                for row, counts in zip(rows, result.confusion.tolist())]
    print_table(columns, rows, right=[column for column in columns if column != "class"])
    if matrix:
        typer.echo("rows: true class; columns: predicted class\n")
    elif mistakes := worst(result.confusion, 10):
        typer.echo("\nThe most frequent mistakes; --confusion FILE.svg writes all of them:")
        print_table(("class", "predicted", "images"),
                    [(labels[a], labels[b], count) for a, b, count in mistakes],
                    right=("images",))
        typer.echo()


def _facts(manifest: Manifest, data: str, labels: list[str], result: Result) -> dict[str, Any]:
    return {
        "name": manifest.name, "data": data, "trained": manifest.trained,
        "images": result.images, "accuracy": result.accuracy,
        "top5_accuracy": result.top5_accuracy,
        "classes": [{"label": label, "images": count,
                     "accuracy": None if math.isnan(accuracy) else accuracy}
                    for label, count, accuracy in zip(labels, result.class_images,
                                                      result.class_accuracy)],
        "confusion": result.confusion.tolist(),
    }


def _write(path: Path, result: Result, labels: list[str], title: str) -> None:
    from zoo.plotting.confusion import to_csv, to_svg
    from zoo.system.files import write_whole

    text = to_csv(result.confusion, labels) if path.suffix.lower() == ".csv" else \
        to_svg(result.confusion, labels, f"{title}: {result.accuracy:.2%}")
    write_whole(path, text.encode("utf-8"))


def _evaluate_language(directory: Where, manifest: Manifest, model: LanguageModel, *,
                       data: str | None, path: Path | None, by: str | None, device: str,
                       as_json: bool) -> None:
    """Evaluate an artifact with a language model."""
    from zoo.artifact.folder import read_vocabulary
    from zoo.system.device import pick_device
    from zoo.training.losses import measures
    from zoo.weights.numbers import NotFiniteError

    given, data = data, data or manifest.input.data
    vocabulary = read_vocabulary(directory, manifest)
    if data is None or vocabulary is None:
        raise ValueError(f"{directory} has no vocabulary, since it was not written by `zoo train`; "
                         "evaluate a trained run")
    text = same_text(given, data, directory, path, by or manifest.input.unit)
    if text.vocabulary != vocabulary:
        raise ValueError(f"the vocabulary of {text.name} differs from that of {directory}; give "
                         "the text of its training with --data and --path")
    model.to(pick_device(device))
    figures = measures(model, text, manifest.metrics.get("test_columns", 10))
    for name, value in figures.items():
        if not math.isfinite(value):
            raise NotFiniteError(f"{directory}: the network's {name} on {text.name} is {value} "
                                 "although its weights are finite: they are too large; use others")
    metrics = {"data": text.name, "tokens": len(text.test), **figures}
    if as_json:
        typer.echo(json_text.dumps({"name": manifest.name, "trained": manifest.trained, **metrics}))
        return
    if not manifest.trained:
        typer.echo("this network is untrained: its weights are random")
    typer.echo(f"{manifest.name}: {measured(metrics)}")
