"""What a weight-sharing search is going to cost: steps, and the memory of its largest one."""

from __future__ import annotations

import os

import torch


def peak_memory(strategy) -> int:
    """Bytes that a step of `strategy` (`search.one_shot.OneShot`) needs at its peak.

    What the forward pass keeps for the backward pass is measured on batches of two and of four,
    and grows with the batch; weights come with their gradient and momentum, and at order 2 with
    what they are put back from.
    """
    network, task, settings = strategy.network, strategy.task, strategy.settings
    mixing = {name: table.detach() for name, table in strategy.mixing().items()}
    kept = []
    for size in (2, 4):
        found: dict[int, int] = {}

        def note(tensor, found=found):
            storage = tensor.untyped_storage()
            found[storage._cdata] = storage.nbytes()
            return tensor

        with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            with strategy.autocast():
                outcome = network.training_loss(task.example(size), mixing)
            del outcome
        kept.append(sum(found.values()))
    weights = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    copies = 3 + 3 * (settings.order == 2)
    grows = (kept[1] - kept[0]) / 2
    return round(kept[0] + grows * (settings.batch_size - 2) + weights * copies)


def free_memory(device: torch.device) -> int | None:
    """Bytes that `device` has left, or None where that cannot be known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
