"""What a search learns, by search space: images or a text."""

from __future__ import annotations

import importlib

from search.tasks.base import Domain
from zoo.messages.spelling import choices

#: Module and class of each domain, by the name that `--space` takes.
DOMAINS = {"conv": ("conv", "ConvDomain"), "recurrent": ("recurrent", "RecurrentDomain"),
           "hierarchical": ("hierarchical", "HierarchicalDomain"),
           "nasbench201": ("nasbench201", "NasBench201Domain")}


def domain(space: str) -> Domain:
    """The domain of a search space.  Raises ValueError for a name that there is not."""
    if space not in DOMAINS:
        raise ValueError(f"unknown search space {choices(space, DOMAINS)}")
    module, name = DOMAINS[space]
    return getattr(importlib.import_module(f"search.tasks.{module}"), name)()
