"""The domains: search spaces with their data, images or text."""

from __future__ import annotations

import importlib

from search.tasks.base import Domain
from zoo.messages.spelling import choices

#: Module and class of each domain, by its name for `--space`.
DOMAINS = {"conv": ("conv", "ConvDomain"), "recurrent": ("recurrent", "RecurrentDomain"),
           "hierarchical": ("hierarchical", "HierarchicalDomain"),
           "nasbench201": ("nasbench201", "NasBench201Domain")}


def domain(space: str) -> Domain:
    """The domain of a search space.  Raises ValueError for an unknown name."""
    if space not in DOMAINS:
        raise ValueError(f"unknown search space {choices(space, DOMAINS)}")
    module, name = DOMAINS[space]
    return getattr(importlib.import_module(f"search.tasks.{module}"), name)()
