"""Computes what a ``case: search`` of a golden file holds: optimiser steps of DARTS.

Each case is computed twice, with the supernet as it is defined and with the one that is run.
"""

import torch

from search.bilevel import Bilevel
from search.discretize import discretize
from search.merged import MergedCell
from search.plain import PlainCell
from search.supernet import Supernet
from tests.golden.fill import fill, labels, tensor


def forms(case):
    """Name -> the outputs of the case, of every form in which its supernet is computed."""
    spaces = {"conv": _conv}
    if case["space"] not in spaces:
        raise KeyError(f"no such space here: {case['space']!r}")
    return spaces[case["space"]](case)


def _conv(case):
    sizes = {"channels": case["channels"], "layers": case["layers"],
             "num_classes": case["num_classes"], "in_channels": case["batch"][1]}
    plain = fill(Supernet(PlainCell, **sizes).double())
    merged = Supernet(MergedCell, **sizes).double()
    merged.load_plain(plain.state_dict())
    facts = {"first_keys": list(plain.state_dict())[:len(case.get("first_keys", ()))]}

    def batch(name):
        return (tensor(f"{name[0]}.x_{name[1]}", case["batch"]),
                labels(f"{name[0]}.y_{name[1]}", case["batch"][:1], case["num_classes"]))

    return {name: _run(case, network, batch, momentum=case["momentum"]) | facts
            for name, network in (("plain", plain), ("merged", merged))}


def _run(case, network, batch, **settings):
    """The outputs of every step, and the genotype at the end."""
    with torch.no_grad():
        for name, table in network.alphas.items():
            table.copy_(tensor("alphas" if name == "recurrent" else f"alphas_{name}", table.shape))
    weights = torch.optim.SGD(network.parameters(), lr=case["lr"],
                              weight_decay=case["weight_decay"], **settings)
    alphas = torch.optim.Adam(list(network.alphas.values()), lr=case["arch_lr"],
                              betas=tuple(case.get("arch_betas", (0.9, 0.999))),
                              weight_decay=case["arch_weight_decay"])
    bilevel = Bilevel(network, weights, alphas, case["order"], case["grad_clip"],
                      clip_unrolled=case["space"] == "recurrent",
                      radius=case["finite_difference_r"])
    network.train()
    steps = []
    for number in range(len(case["steps"])):
        train, _ = bilevel.step(*(batch((f"step{number}", split)) for split in ("train", "valid")))
        row = {"train_loss": train.loss.detach(), "train_logits": train.logits.detach()}
        for name, table in network.alphas.items():
            suffix = "" if name == "recurrent" else f"_{name}"
            row |= {f"grad_alphas{suffix}": table.grad.clone(),
                    f"alphas{suffix}": table.detach().clone()}
        steps.append(row)
    return {"parameters": sum(weight.numel() for weight in network.parameters()),
            "steps": steps, "genotype": discretize(network.mixing())}
