"""Training-free scores (zero-cost proxies) of networks at initialization, one per file.

A score ranks cells without training; higher is meant to be better.  Parameters and multiply-adds
are scores too, as baselines (White et al. 2022, "A Deeper Look at Zero-Cost Proxies for Lightweight
NAS").  Names and conventions follow NAS-Bench-Suite-Zero (Krishnakumar et al. 2022, arXiv
2210.03230), which took most of them from Abdelfattah et al. 2021 (arXiv 2101.08134).

This module does not import torch, so `zoo score --help` is fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from zoo.messages.spelling import choices

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from zoo.scores.batch import Batch


@dataclass(frozen=True)
class Score:
    """Where a score is defined, its inputs, and its paper.

    `reads` names its inputs: "shapes" (the network is not run), "weights" (on a synthetic input),
    "images" of a batch, or "labels" (images and labels of a batch).
    """

    module: str
    help: str
    paper: str
    reads: Literal["shapes", "weights", "images", "labels"]

    def load(self) -> Callable[[nn.Module, Batch, torch.Generator], float]:
        """The score's function `measure`, which may modify its network."""
        return importlib.import_module(f"zoo.scores.{self.module}").measure


SCORES = {
    "params": Score("params", "parameters, in millions", "", "shapes"),
    "flops": Score("flops", "multiply-adds, in millions", "", "shapes"),
    "l2_norm": Score("l2_norm", "norms of the weights",
                     "Abdelfattah et al. 2021 (arXiv 2101.08134)", "weights"),
    "synflow": Score("synflow", "log of the flow through all paths of absolute weights",
                     "Tanaka et al. 2020 (arXiv 2006.05467)", "weights"),
    "nwot": Score("nwot", "log-determinant of the kernel of ReLU codes",
                  "Mellor et al. 2021 (arXiv 2006.04647), section 3", "images"),
    "swap": Score("swap", "number of sample-wise activation patterns",
                  "Peng et al. 2024 (arXiv 2403.04161)", "images"),
    "zen": Score("zen", "sensitivity of the features to the input, with Gaussian weights",
                 "Lin et al. 2021 (arXiv 2102.01063)", "weights"),
    "jacov": Score("jacov", "correlation of the input gradients of a batch",
                   "Mellor et al. 2020 (arXiv 2006.04647v1)", "images"),
    "epe_nas": Score("epe_nas", "correlation of the input gradients within classes",
                     "Lopes et al. 2021 (arXiv 2102.08099)", "labels"),
    "grad_norm": Score("grad_norm", "norms of the gradients of the loss",
                       "Abdelfattah et al. 2021 (arXiv 2101.08134)", "labels"),
    "snip": Score("snip", "absolute change of the loss when weights are removed",
                  "Lee et al. 2019 (arXiv 1810.02340), section 4.1", "labels"),
    "plain": Score("plain", "signed change of the loss when weights are removed",
                   "Mozer & Smolensky 1989, as in Abdelfattah et al. 2021 (arXiv 2101.08134)",
                   "labels"),
    "grasp": Score("grasp", "change of the gradient's norm when weights are removed",
                   "Wang et al. 2020 (arXiv 2002.07376)", "labels"),
    "fisher": Score("fisher", "Fisher information of the channels",
                    "Turner et al. 2020 (arXiv 1906.04113)", "labels"),
}

#: Always shown with the other scores.
BASELINES = ("params", "flops")


def chosen(names: Iterable[str] | None) -> list[str]:
    """The distinct `names`; "all" selects every score, None the baselines.

    Raises ValueError for an unknown name, suggesting the nearest.

    Examples:
        >>> from zoo.scores import chosen
        >>> chosen(["nwot", "params", "nwot"])
        ['nwot', 'params']
    """
    names = list(BASELINES if names is None else names)
    for name in names:
        if name not in SCORES and name != "all":
            raise ValueError(f"unknown score {choices(name, (*SCORES, 'all'))}")
    return list(dict.fromkeys(SCORES if "all" in names else names))
