"""The collapse of differentiable searches, checked after every epoch.

Skip connections crowd out the operations with weights: Liang et al. 2019 (DARTS+, arXiv
1909.06035), Zela et al. 2020 (arXiv 1909.09656), Chu et al. 2020 (arXiv 1911.12126).
"""

from __future__ import annotations

from collections.abc import Sequence

from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.serialization import Genotype

#: Share of skip connections that counts as a collapse.  The published DARTS_V1 has 3 of 8 in its
#: normal cell, good NAS-Bench-201 cells up to 3 of 6; in a recurrent cell, whose gates learn on
#: every edge, the identity does less harm.
_SKIPS = {"conv": 0.5, "recurrent": 0.75, "nasbench201": 0.75}
_PATIENCE = 3  # epochs; one alone means little while the alphas are nearly equal
_FREE = ("skip_connect", "identity", "max_pool_3x3", "avg_pool_3x3", "none")


def warnings(genotype: Genotype) -> list[str]:
    """One line per sign of collapse in the first cell of the genotype; empty if there is none."""
    name, cell = next(iter(genotype.cells().items()))
    name = "cell" if name == "cell" else f"{name} cell"
    operations = [operation for operation, _ in cell.edges]
    skips = sum(operation in ("skip_connect", "identity") for operation in operations)
    free = sum(operation in _FREE for operation in operations)
    found: list[str] = []
    if isinstance(genotype, NasBench201Genotype) and not genotype.live_edges():
        found.append("collapse: no path leads from the input of the cell to its output")
    elif skips >= _SKIPS[genotype.kind] * len(operations):
        found.append(f"collapse: {skips} of {len(operations)} edges of the {name} are skip "
                     "connections")
    elif free == len(operations):
        found.append(f"collapse: every edge of the {name} is parameter-free")
    return found


def collapsed(row: dict) -> bool:
    """Whether a row of the history warns of a collapse."""
    return any(line.startswith("collapse") for line in row.get("warnings", ()))


def persists(rows: Sequence[dict]) -> bool:
    """Whether the last epochs all collapsed, which makes `--early-stop` end the run."""
    return len(rows) >= _PATIENCE and all(map(collapsed, rows[-_PATIENCE:]))


def choose(rows: Sequence[dict]) -> tuple[int, str]:
    """The epoch whose genotype a weight-sharing run keeps, and why.

    It is the last epoch, or the last one before a collapse.
    """
    last = rows[-1]["epoch"]
    if not collapsed(rows[-1]):
        return last, "the last epoch"
    healthy = [row["epoch"] for row in rows if not collapsed(row)]
    if not healthy:
        return last, "the last epoch, though every epoch shows a collapse"
    return healthy[-1], f"the last epoch before the collapse ({rows[-1]['warnings'][0]})"
