"""Run folders like those of `search run`, made up quickly for the tests of reports."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import torch

from search.spaces.discretize import discretize, edges, entropy, operation_counts, operations
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.serialization import from_dict, to_dict

WARNING = 'skip connections took over: 5 of 8 edges of <b>"normal"</b> & more to come'


def darts_run(folder: Path, seed: int = 0, epochs: int = 10, order: int = 2, finished: bool = True,
              data: str = "digits", move: float = 0.6) -> Path:
    """First or second order DARTS: the alphas drift, and skip connections win in the end."""
    generator = torch.Generator().manual_seed(seed)
    drift = {name: torch.randn(14, 8, generator=generator) for name in ("normal", "reduce")}
    alphas = {name: torch.zeros(14, 8) for name in drift}
    rows = []
    for epoch in range(1, epochs + 1):
        for name, table in alphas.items():
            table += move / epochs * (
                drift[name] + 0.7 * torch.randn(14, 8, generator=generator))
            table[:, 3] += 2.4 * move * epoch / epochs ** 2
        shown = {name: table.tolist() for name, table in alphas.items()}
        genotype = discretize({name: table.softmax(-1) for name, table in alphas.items()})
        valid = 0.93 - 0.7 * math.exp(-4 * epoch / epochs) + 0.01 * math.sin(5 * epoch + seed)
        gap = 0.02 + 0.35 * (epoch / epochs) ** 3
        skips = {name: counts.get("skip_connect", 0)
                 for name, counts in operation_counts(genotype).items()}
        rows.append({
            "epoch": epoch, "cost": {"images": 1436 * epoch},
            "train_loss": 2.3 * math.exp(-3 * epoch / epochs), "train_accuracy": valid + 0.03,
            "valid_loss": 2.3 * math.exp(-2.6 * epoch / epochs), "valid_accuracy": valid,
            "learning_rate": 0.001 + 0.012 * (1 + math.cos(math.pi * epoch / epochs)),
            "alphas": shown, "entropy": entropy(alphas), "operations": operation_counts(genotype),
            "skip_connections": skips, "discrete_accuracy": valid - gap,
            "discretisation_gap": gap, "warnings": [WARNING] if skips["normal"] >= 5 else [],
            "genotype": to_dict(genotype)})
    settings = {"epochs": epochs, "order": order, "channels": 8, "layers": 5, "batch": 64,
                "alpha_learning_rate": 3e-4, "alpha_betas": [0.5, 0.999]}
    chosen = max(1, epochs * 3 // 5)
    result = {"name": f"DARTS_DIGITS_{seed}", "chosen_epoch": chosen,
              "why": "the last epoch before skip connections took over",
              "cost": rows[-1]["cost"], "valid_accuracy": rows[chosen - 1]["valid_accuracy"]}
    return write_run(folder, "darts", "conv", data, seed, settings, rows,
                     result if finished else None)


def recurrent_run(folder: Path, seed: int = 0, epochs: int = 8) -> Path:
    """First order DARTS on text: perplexities in place of accuracies."""
    generator = torch.Generator().manual_seed(seed)
    alphas = {"recurrent": torch.zeros(len(edges("recurrent")), len(operations("recurrent")))}
    rows = []
    for epoch in range(1, epochs + 1):
        alphas["recurrent"] += 0.15 * torch.randn(36, 5, generator=generator)
        genotype = discretize({"recurrent": alphas["recurrent"].softmax(-1)})
        loss = 4.2 + 2.2 * math.exp(-epoch / 3)
        rows.append({
            "epoch": epoch, "cost": {"tokens": 70000 * epoch},
            "train_loss": loss, "train_perplexity": math.exp(loss),
            "valid_loss": loss + 0.2, "valid_perplexity": math.exp(loss + 0.2),
            "learning_rate": 20.0, "alphas": {"recurrent": alphas["recurrent"].tolist()},
            "entropy": entropy(alphas), "operations": operation_counts(genotype),
            "skip_connections": {"recurrent": operation_counts(genotype)["recurrent"].get(
                "identity", 0)},
            "discrete_perplexity": math.exp(loss + 0.5),
            "discretisation_gap": math.exp(loss + 0.5) - math.exp(loss + 0.2),
            "warnings": [], "genotype": to_dict(genotype)})
    settings = {"epochs": epochs, "order": 1, "hidden": 300, "batch": 256}
    result = {"name": "DARTS_TEXT_0", "chosen_epoch": epochs, "why": "the last epoch",
              "cost": rows[-1]["cost"], "valid_perplexity": rows[-1]["valid_perplexity"]}
    return write_run(folder, "darts", "recurrent", "verse", seed, settings, rows, result)


def evolution_run(folder: Path, seed: int = 0, epochs: int = 12, each: int = 4,
                  strategy: str = "evolution") -> Path:
    """Cells trained one by one, `each` per epoch."""
    rng = random.Random(seed)
    rows, everything, cost = [], [], 0
    for epoch in range(1, epochs + 1):
        candidates = []
        for _ in range(each):
            number = len(everything)
            parent = rng.choice(everything)["number"] if epoch > 2 else None
            images = 1200 + 10 * rng.randrange(30)
            cost += images
            candidates.append({
                "number": number, "genotype": to_dict(random_cells(rng)),
                "valid_accuracy": 0.97 - 0.3 * math.exp(-number / 15) * rng.random()
                - 0.12 * rng.random(),
                "parameters": rng.randrange(20_000, 90_000), "images": images, "parent": parent})
            everything.append(candidates[-1])
        best = max(everything, key=lambda one: one["valid_accuracy"])
        counts = operation_counts(from_dict(best["genotype"]))
        rows.append({
            "epoch": epoch, "cost": {"images": cost}, "valid_accuracy": best["valid_accuracy"],
            "operations": counts, "skip_connections": {
                name: of.get("skip_connect", 0) for name, of in counts.items()},
            "candidates": candidates, "warnings": [], "genotype": best["genotype"]})
    settings = {"epochs": epochs, "population": 8, "tournament": 3}
    result = {"name": "EVOLUTION_DIGITS_0", "chosen_epoch": epochs, "why": "the best candidate",
              "cost": rows[-1]["cost"], "valid_accuracy": rows[-1]["valid_accuracy"]}
    return write_run(folder, strategy, "conv", "digits", seed, settings, rows, result)


def front_run(folder: Path, seed: int = 0, epochs: int = 12) -> Path:
    """`evolution_run` with multiply-adds as an objective and a limit of the bytes."""
    evolution_run(folder, seed, epochs)
    config = json.loads((folder / "config.json").read_text())
    limits = ["bytes<=500kB", "multiply-adds"]
    (folder / "config.json").write_text(json.dumps(config | {"limits": limits}))
    rng = random.Random(seed)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for row in rows:
        for one in row["candidates"]:
            one["measures"] = {"multiply-adds": 20 * one["parameters"] + rng.randrange(300_000),
                               "bytes": 4 * one["parameters"]}
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def random_cells(rng: random.Random) -> ConvGenotype:
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return discretize({name: torch.randn(14, 8, generator=generator).softmax(-1)
                       for name in ("normal", "reduce")})


def write_run(folder: Path, strategy: str, space: str, data: str, seed: int, settings: dict,
              rows: list[dict], result: dict | None) -> Path:
    """The files of a run, as `search.runner` writes them."""
    folder.mkdir(parents=True)
    config = {"strategy": strategy, "space": space, "data": data, "path": None, "seed": seed,
              "settings": settings, "data_sha256": "0" * 64, "threads": 1,
              "versions": {"torch": "2.13.0"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "seconds.jsonl").write_text("".join(
        json.dumps({"epoch": row["epoch"], "seconds": 11.5 + seed}) + "\n" for row in rows))
    if result is not None:
        seconds = (11.5 + seed) * len(rows)
        (folder / "result.json").write_text(json.dumps({**result, "seconds": seconds}))
        (folder / "genotype.json").write_text(json.dumps(
            rows[result["chosen_epoch"] - 1]["genotype"]))
    return folder
