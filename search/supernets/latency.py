"""The expected latency of a cell under operation weights, as a differentiable term of a loss.

Cai et al. 2019, ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware (arXiv
1812.00332, "making latency differentiable"): an edge costs the sum of its operations' latencies
times their probabilities, a network the sum of its edges, and the loss adds a multiple of that.
FBNet (Wu et al. 2019, arXiv 1812.03443) multiplies its loss by a power of the sum's logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from search.spaces.discretize import Mixing
from zoo.latency.profile import Profile
from zoo.latency.sizes import OPERATIONS


def expected_latency(mixing: Mixing, costs: Mixing) -> Tensor:
    """The sum over all cells, edges and operations of weight times cost; a scalar, in the unit of
    `costs`.

    Both hold a table (edges, operations) for each cell.  `costs` are those of an operation on an
    edge in all cells of the network together; what every cell has in common is left out.

    Examples:
        >>> costs = {"cell": torch.tensor([[0.0, 1.0], [0.0, 4.0]])}
        >>> expected_latency({"cell": torch.tensor([[0.5, 0.5], [0.25, 0.75]])}, costs).item()
        3.5
    """
    return torch.stack([(mixing[name] * table.to(mixing[name])).sum()
                        for name, table in costs.items()]).sum()


def edge_costs(profile: Profile, names: Sequence[str], device: torch.device) -> Mixing:
    """The milliseconds of `profile` for each edge and each operation of `names`, the columns of a
    supernet's tables.

    Raises ValueError for operations that no profile measures.
    """
    measured = OPERATIONS[profile.network.kind]
    if unknown := [name for name in names if name not in measured]:
        raise ValueError(f"a latency profile does not know {', '.join(unknown)}, which "
                         "--operations allows; leave --latency-weight out")
    return {name: torch.tensor(table, dtype=torch.float64, device=device)
            for name, table in profile.edge_costs().items()}
