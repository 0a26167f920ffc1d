"""The type of a loaded format: a function from inputs by name to outputs by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

#: Inputs or outputs of a network by name.
Arrays: TypeAlias = "dict[str, np.ndarray]"
#: A loaded format: ``run(inputs) -> outputs``.
Runner: TypeAlias = Callable[["Arrays"], "Arrays"]
