"""The modules that `tests.processes` imports once: torch, and all later imports of the commands."""

# ruff: noqa: F401
import contextlib
import sys
import types

import sklearn.model_selection
import torch._dynamo
from PIL import PngImagePlugin

import search.cli
import search.reporting.memory
import search.reporting.terminal
import search.runner
import search.supernets.bilevel
import zoo
import zoo.cli
import zoo.commands.train
import zoo.training.classification
from search import tasks
from search.strategies import STRATEGIES

zoo.genotype("DARTS")
for entry in STRATEGIES.values():
    entry.load()
for space in tasks.DOMAINS:
    tasks.domain(space)
with contextlib.suppress(ImportError):  # as zoo.runs.tensorboard imports it, without TensorFlow
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    import torch.utils.tensorboard
