"""What a format is once it is loaded: a function from inputs by name to outputs by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

#: The inputs or the outputs of a network by name.
Arrays: TypeAlias = "dict[str, np.ndarray]"
#: A format that is loaded: ``run(inputs) -> outputs``.
Runner: TypeAlias = Callable[["Arrays"], "Arrays"]
