"""A zoo of published neural-network cells, and networks built from any of them.

Examples:
    >>> import zoo
    >>> zoo.list_cells("DARTS_V*")
    ['DARTS_V1', 'DARTS_V1_RNN', 'DARTS_V2', 'DARTS_V2_RNN']
    >>> model = zoo.create_model("DARTS", network="cifar", channels=16, layers=8)
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.create import create_model
    from zoo.generation import generate
    from zoo.genotypes.cell import Cell, GenotypeError
    from zoo.genotypes.conv import ConvGenotype
    from zoo.genotypes.hierarchical import HierarchicalGenotype
    from zoo.genotypes.nasbench201 import NasBench201Genotype
    from zoo.genotypes.reader import parse
    from zoo.genotypes.recurrent import RecurrentGenotype
    from zoo.registry import UnknownCellError, genotype, list_cells, register

__version__ = "0.3.0"
__all__ = [
    "Cell",
    "ConvGenotype",
    "GenotypeError",
    "HierarchicalGenotype",
    "NasBench201Genotype",
    "RecurrentGenotype",
    "UnknownCellError",
    "create_model",
    "generate",
    "genotype",
    "list_cells",
    "parse",
    "register",
]

# Where each of them stands.  They are imported on first use: listing cells needs no torch, and a
# command that is interrupted while it starts has to have begun.
_MODULES = {
    "zoo.create": ("create_model",),
    "zoo.generation": ("generate",),
    "zoo.genotypes.cell": ("Cell", "GenotypeError"),
    "zoo.genotypes.conv": ("ConvGenotype",),
    "zoo.genotypes.hierarchical": ("HierarchicalGenotype",),
    "zoo.genotypes.nasbench201": ("NasBench201Genotype",),
    "zoo.genotypes.reader": ("parse",),
    "zoo.genotypes.recurrent": ("RecurrentGenotype",),
    "zoo.registry": ("UnknownCellError", "genotype", "list_cells", "register"),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            value = getattr(importlib.import_module(module), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
