"""Computes the outputs of a ``case: search`` of a golden file: optimizer steps of DARTS.

Each case is computed twice, with the reference and with the fused supernet.
"""

import torch

from search.spaces.discretize import discretize
from search.supernets.bilevel import Bilevel
from search.supernets.conv import Supernet
from search.supernets.conv_fused import MergedCell
from search.supernets.conv_reference import PlainCell
from search.supernets.recurrent import FastRecurrentCell, PlainRecurrentCell, RecurrentSupernet
from tests.golden.fill import fill, labels, tensor


def forms(case):
    """Form of the supernet -> outputs of the case."""
    spaces = {"conv": _conv, "recurrent": _recurrent}
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

    def batch(step, split, hidden):
        return (tensor(f"step{step}.x_{split}", case["batch"]),
                labels(f"step{step}.y_{split}", case["batch"][:1], case["num_classes"]))

    return {name: _run(case, network, batch, momentum=case["momentum"]) | facts
            for name, network in (("plain", plain), ("merged", merged))}


def _recurrent(case):
    if case["embedding"] != case["hidden"] or case["dropout"]:
        raise ValueError("a recurrent case needs embedding = hidden and no dropout")
    sizes = {"vocabulary": case["vocabulary"], "hidden": case["hidden"],
             "tar_weight": case["slowness_beta"]}
    plain = fill(RecurrentSupernet(PlainRecurrentCell, **sizes).double())
    fast = RecurrentSupernet(FastRecurrentCell, **sizes).double()
    fast.load_plain(plain.state_dict())
    facts = {"state_keys": {key: list(value.shape) for key, value in plain.state_dict().items()}}
    time, batch_size = case["batch"]

    def batch(step, split, hidden):
        return (labels(f"step{step}.x_{split}", case["batch"], case["vocabulary"]),
                labels(f"step{step}.y_{split}", (time * batch_size,), case["vocabulary"]),
                plain.initial_hidden(batch_size) if hidden is None else hidden)

    return {name: _run(case, network, batch, unmoved=[network.encoder.weight]) | facts
            for name, network in (("plain", plain), ("fast", fast))}


def _run(case, network, batch, momentum=0.0, unmoved=()):
    """The outputs of every step, and the genotype at the end."""
    with torch.no_grad():
        for name, table in network.alphas.items():
            table.copy_(tensor("alphas" if name == "recurrent" else f"alphas_{name}", table.shape))
    weights = torch.optim.SGD(network.parameters(), lr=case["lr"],
                              weight_decay=case["weight_decay"], momentum=momentum)
    alphas = torch.optim.Adam(list(network.alphas.values()), lr=case["arch_lr"],
                              betas=tuple(case.get("arch_betas", (0.9, 0.999))),
                              weight_decay=case["arch_weight_decay"])
    bilevel = Bilevel(network, weights, alphas, case["order"], case["grad_clip"],
                      clip_unrolled=case["space"] == "recurrent", unmoved=unmoved,
                      radius=case["finite_difference_r"])
    network.train()
    steps, hidden = [], {"train": None, "valid": None}  # the carried states of a text
    for number in range(len(case["steps"])):
        train, valid = bilevel.step(*(batch(number, split, hidden[split]) for split in hidden))
        hidden = {"train": train.hidden, "valid": valid.hidden}
        row = {"train_loss": train.loss.detach(), "train_logits": train.logits.detach()}
        for name, table in network.alphas.items():
            suffix = "" if name == "recurrent" else f"_{name}"
            row |= {f"grad_alphas{suffix}": table.grad.clone(),
                    f"alphas{suffix}": table.detach().clone()}
        steps.append(row)
    return {"parameters": sum(weight.numel() for weight in network.parameters()),
            "steps": steps, "genotype": discretize(network.mixing())}
