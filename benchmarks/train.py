"""Images per second in training: the plain eager float32 loop against the forms of `zoo train`.

    python -m benchmarks.train
    python -m benchmarks.train --cells DARTS_V2 NASNet --preset fast --device cuda

A step is forward, loss, backward, clipping and update, on random images of CIFAR's shape that are
already on the device, without augmentation and weight averaging.  The forms take turns, so that a
busy machine slows all of them; the table has medians and ratios.  `--profile` adds the operations
that dominate each form.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from zoo.create import create_model
from zoo.models import fused_conv
from zoo.recipes.image import recipe
from zoo.system.cuda_graph import CapturedStep

#: name -> (channels last, uses `zoo.models.fused_conv`, dtype)
FORMS = {
    "plain eager, float32": (False, False, torch.float32),
    "channels last": (True, False, torch.float32),
    "fused": (True, True, torch.float32),
    "fused, bfloat16": (True, True, torch.bfloat16),
}
REPLAYED = "fused, bfloat16, CUDA graph"  # measured on a GPU only


def forms(device: torch.device) -> dict:
    return FORMS | ({REPLAYED: FORMS["fused, bfloat16"]} if device.type == "cuda" else {})


class Loop:
    """A network with an optimizer and a batch, trained a step at a time in one of the forms."""

    def __init__(self, cell: str, form: str, settings, device: torch.device):
        last, self.is_fused, self.dtype = forms(device)[form]
        layout = torch.channels_last if last else torch.contiguous_format
        torch.manual_seed(0)
        self.model = create_model(
            cell, channels=settings.channels, layers=settings.layers,
            auxiliary=settings.auxiliary_weight > 0).to(device, memory_format=layout)
        self.model.set_drop_path(settings.drop_path / 2)
        self.images = torch.randn(settings.batch_size, 3, 32, 32, device=device).contiguous(
            memory_format=layout)
        self.labels = torch.arange(settings.batch_size, device=device) % 10
        self.settings = settings
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=settings.learning_rate, momentum=settings.momentum,
            weight_decay=settings.weight_decay, nesterov=settings.nesterov, fused=self.is_fused)
        self._captured = CapturedStep(self._learn, device) if form == REPLAYED else self._learn

    def step(self) -> None:
        self._captured(self.images, self.labels)

    def _learn(self, images, labels) -> tuple:
        device = self.images.device.type
        with torch.autocast(device, self.dtype, enabled=self.dtype != torch.float32):
            output = (fused_conv.forward(self.model, images) if self.is_fused
                      else self.model(images))
            logits, auxiliary = output if isinstance(output, tuple) else (output, None)
            loss = F.cross_entropy(logits, labels)
            if auxiliary is not None:
                loss = loss + self.settings.auxiliary_weight * F.cross_entropy(
                    auxiliary, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        return (loss.detach(),)

    def seconds(self, steps: int) -> float:
        """Mean seconds of a step over `steps`."""
        self._wait()
        began = time.perf_counter()
        for _ in range(steps):
            self.step()
        self._wait()
        return (time.perf_counter() - began) / steps

    def _wait(self) -> None:
        if self.images.device.type == "cuda":
            torch.cuda.synchronize()


def measure(cell: str, settings, device: torch.device, rounds: int, steps: int) -> None:
    loops = {form: Loop(cell, form, settings, device) for form in forms(device)}
    for loop in loops.values():
        for _ in range(5 if device.type == "cuda" else 1):
            loop.step()  # the first steps allocate memory and capture the graph
    times = {form: [] for form in loops}
    for _ in range(rounds):
        for form, loop in loops.items():
            times[form].append(loop.seconds(steps))
    plain = statistics.median(next(iter(times.values())))
    for form, found in times.items():
        median = statistics.median(found)
        print(f"| {cell} | {form} | {settings.batch_size / median:,.0f} | {plain / median:.2f} |",
              flush=True)


def profile(cell: str, form: str, settings, device: torch.device) -> None:
    """Print the operations that dominate a step."""
    loop = Loop(cell, form, settings, device)
    loop.step()
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as found:
        loop.step()
    name = "self_cpu_time_total" if device.type == "cpu" else "self_device_time_total"
    rows = sorted(found.key_averages(), key=lambda row: -getattr(row, name))
    total = sum(getattr(row, name) for row in rows)
    print(f"\n{cell}, {form}: share of a step")
    for row in rows[:10]:
        print(f"  {getattr(row, name) / total:6.1%}  {row.count:4} x {row.key}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["DARTS_V2", "NASNet", "AmoebaNet"])
    parser.add_argument("--preset", default="small", choices=["paper", "fast", "small"])
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1, help="in each round")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    settings = recipe("cifar10", given.preset).but(batch_size=given.batch_size)
    device = torch.device(given.device)
    where = (torch.cuda.get_device_name() if device.type == "cuda"
             else f"CPU, {torch.get_num_threads()} threads")
    print(f"preset {given.preset}: {settings.channels} channels, {settings.layers} cells, "
          f"batch {settings.batch_size}, on {where}; medians of {given.rounds}\n")
    print("| cell | form | images/s | times faster |\n|---|---|---:|---:|")
    for cell in given.cells:
        measure(cell, settings, device, given.rounds, given.steps)
    if given.profile:
        for form in ("plain eager, float32", "fused, bfloat16"):
            profile(given.cells[0], form, settings, device)


if __name__ == "__main__":
    main()
