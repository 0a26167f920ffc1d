"""Tokens per second in training a language model: the published loop against ours, in one run.

    python -m benchmarks.train_language                          # 850 units, 10,000 words: PTB
    python -m benchmarks.train_language --hidden 200 --vocabulary 65 --batch 32 --time 48
    python -m benchmarks.train_language --device cuda --profile

The plain loop is eager float32: the cell node by node and step by step as defined, log-softmax and
negative log-likelihood of the whole batch, SGD.  Ours is that of `zoo train`, in float32 and with
bfloat16 products.  The forms take turns, so that a busy machine slows all of them; medians of CPU
time (wall time on a GPU).
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.profiler import ProfilerActivity, profile

import zoo
from zoo.models.recurrent import HighwayCell, LanguageModel
from zoo.recipes.language import language_recipe
from zoo.system.cuda_graph import CapturedStep
from zoo.system.device import hardware
from zoo.training.losses import training_loss

RECIPE = language_recipe("ptb", "paper")


def plain_loss(model: LanguageModel, tokens, targets, hidden):
    outputs, _ = HighwayCell.forward(model.rnns[0], model._embed(tokens), hidden)
    log_prob = F.log_softmax(model.decoder(model._locked(outputs, model.dropout)), dim=-1)
    loss = F.nll_loss(log_prob.flatten(0, 1), targets)
    return loss + RECIPE.tar_weight * (outputs[1:] - outputs[:-1]).pow(2).mean()


def our_loss(model: LanguageModel, tokens, targets, hidden):
    return training_loss(model, tokens, targets, hidden, RECIPE.ar_weight, RECIPE.tar_weight).loss


FORMS = {"plain eager float32": (plain_loss, torch.float32, False),
         "ours, float32": (our_loss, torch.float32, True),
         "ours, bfloat16 products": (our_loss, torch.bfloat16, True)}
REPLAYED = "ours, bfloat16 products, CUDA graph"  # measured on a GPU only


def forms(device: torch.device) -> dict:
    replayed = {REPLAYED: FORMS["ours, bfloat16 products"]}
    return FORMS | (replayed if device.type == "cuda" else {})


def step_of(form: str, given: argparse.Namespace):
    """A function that takes one training step on random tokens."""
    torch.manual_seed(0)
    loss_of, dtype, fused = forms(given.device)[form]
    model = LanguageModel(zoo.genotype(given.cell), given.vocabulary, given.hidden, given.hidden,
                          **RECIPE.dropouts()).to(given.device).train()
    optimizer = torch.optim.SGD(model.parameters(), RECIPE.learning_rate,
                                weight_decay=RECIPE.weight_decay, fused=fused)
    tokens, targets = torch.randint(given.vocabulary, (2, given.time, given.batch),
                                    device=given.device)
    hidden = model.initial_hidden(given.batch)

    def learn(tokens, targets) -> tuple:
        with torch.autocast(given.device.type, dtype, enabled=dtype != torch.float32):
            loss = loss_of(model, tokens, targets.flatten(), hidden)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), RECIPE.clip_norm)
        optimizer.step()
        return (loss.detach(),)

    one = CapturedStep(learn, given.device) if form == REPLAYED else learn

    def step() -> None:
        one(tokens, targets)
        if given.device.type == "cuda":
            torch.cuda.synchronize()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", default="DARTS_V2_RNN")
    parser.add_argument("--hidden", type=int, default=RECIPE.hidden)
    parser.add_argument("--vocabulary", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=RECIPE.batch_size)
    parser.add_argument("--time", type=int, default=RECIPE.bptt)
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each form")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default="cpu")
    parser.add_argument("--profile", action="store_true", help="print the slowest kernels")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    clock = time.process_time if given.device.type == "cpu" else time.perf_counter
    steps = {form: step_of(form, given) for form in forms(given.device)}
    taken: dict[str, list[float]] = {form: [] for form in steps}
    warm_up = 5 if given.device.type == "cuda" else 1
    for number in range(given.steps + warm_up):
        for form, step in steps.items():
            began = clock()
            step()
            if number >= warm_up:
                taken[form].append(clock() - began)
    seconds = {form: statistics.median(values) for form, values in taken.items()}
    count, first = given.time * given.batch, next(iter(seconds.values()))
    table = Table("form", "ms/step", "tokens/s", "ratio", title=(
        f"{given.cell}, {given.hidden} units, {given.vocabulary:,} words, batch {given.batch}, "
        f"{given.time} steps; {hardware(given.device)}"))
    for form, value in seconds.items():
        table.add_row(form, f"{1000 * value:,.0f}", f"{count / value:,.0f}", f"{first / value:.2f}")
    console = Console(width=100)
    console.print(table)
    if given.profile:
        for form, step in steps.items():
            console.print(_profile(form, step, given.device.type))


def _profile(form: str, step, device: str) -> Table:
    """The kernels that dominate a step."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device == "cuda")
    with profile(activities=activities) as seen:
        step()
    rows = [(event.key, event.self_device_time_total if device == "cuda"
             else event.self_cpu_time_total, event.count) for event in seen.key_averages()]
    total = sum(row[1] for row in rows)
    calls = sum(row[2] for row in rows)
    table = Table("kernel", "share", "calls", title=f"{form}: {calls:,} calls")
    for name, value, count in sorted(rows, key=lambda row: -row[1])[:8]:
        table.add_row(name[:50], f"{value / total:.0%}", f"{count:,}")
    return table


if __name__ == "__main__":
    main()
