"""A zoo of published neural-network cells, and networks built from any of them.

Examples:
    >>> import zoo
    >>> zoo.list_cells("DARTS_V*")
    ['DARTS_V1', 'DARTS_V1_RNN', 'DARTS_V2', 'DARTS_V2_RNN']
    >>> model = zoo.create_model("DARTS", network="cifar", channels=16, layers=8)
"""

from typing import TYPE_CHECKING

from zoo.genotypes.cell import Cell, GenotypeError
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.hierarchical import HierarchicalGenotype
from zoo.genotypes.reader import parse
from zoo.genotypes.recurrent import RecurrentGenotype
from zoo.registry import UnknownCellError, genotype, list_cells, register

if TYPE_CHECKING:
    from zoo.create import create_model
    from zoo.generation import generate

__version__ = "0.3.0"
__all__ = [
    "Cell",
    "ConvGenotype",
    "GenotypeError",
    "HierarchicalGenotype",
    "RecurrentGenotype",
    "UnknownCellError",
    "create_model",
    "generate",
    "genotype",
    "list_cells",
    "parse",
    "register",
]


def __getattr__(name: str) -> object:
    """Load these on first use: listing cells needs no torch."""
    if name == "create_model":
        from zoo.create import create_model

        return create_model
    if name == "generate":
        from zoo.generation import generate

        return generate
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")
