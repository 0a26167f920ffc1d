"""The restricted spaces S1 to S4, on which DARTS is known to fail, by name for `--operations`.

Zela et al. 2020, Understanding and Robustifying Differentiable Architecture Search (arXiv
1909.09656), as in the release (`src/spaces.py` of automl/RobustDARTS).  S1 has two operations per
edge.  The noise of S4 replaces its input.
"""

from __future__ import annotations

_EDGES = 14

#: table -> a list of operation names per row, node by node.
SPACES: dict[str, dict[str, list[list[str]]]] = {
    "s1": {
        "normal": [
            ["skip_connect", "dil_conv_3x3"], ["skip_connect", "dil_conv_5x5"],

            ["skip_connect", "dil_conv_5x5"], ["skip_connect", "sep_conv_3x3"],
            ["skip_connect", "dil_conv_3x3"],

            ["max_pool_3x3", "skip_connect"], ["skip_connect", "sep_conv_3x3"],
            ["skip_connect", "sep_conv_3x3"], ["skip_connect", "dil_conv_3x3"],

            ["skip_connect", "sep_conv_3x3"], ["max_pool_3x3", "skip_connect"],
            ["skip_connect", "dil_conv_3x3"], ["dil_conv_3x3", "dil_conv_5x5"],
            ["dil_conv_3x3", "dil_conv_5x5"],
        ],
        "reduce": [
            ["max_pool_3x3", "avg_pool_3x3"], ["max_pool_3x3", "dil_conv_3x3"],

            ["max_pool_3x3", "avg_pool_3x3"], ["max_pool_3x3", "avg_pool_3x3"],
            ["skip_connect", "dil_conv_5x5"],

            ["max_pool_3x3", "avg_pool_3x3"], ["max_pool_3x3", "sep_conv_3x3"],
            ["skip_connect", "dil_conv_3x3"], ["skip_connect", "dil_conv_5x5"],

            ["max_pool_3x3", "avg_pool_3x3"], ["max_pool_3x3", "avg_pool_3x3"],
            ["skip_connect", "dil_conv_5x5"], ["skip_connect", "dil_conv_5x5"],
            ["skip_connect", "dil_conv_5x5"],
        ],
    },
} | {
    name: {table: [operations] * _EDGES for table in ("normal", "reduce")}
    for name, operations in (("s2", ["skip_connect", "sep_conv_3x3"]),
                             ("s3", ["none", "skip_connect", "sep_conv_3x3"]),
                             ("s4", ["noise", "sep_conv_3x3"]))
}
