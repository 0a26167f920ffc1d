"""NSGA-Net.

Z. Lu et al. 2019 (arXiv 1810.03522).
"""

PAPER = {
    "title": "NSGA-Net: Neural Architecture Search using Multi-Objective Genetic Algorithm",
    "authors": "Z. Lu, I. Whalen, V. Boddeti, Y. Dhebar, K. Deb, E. Goodman, W. Banzhaf",
    "year": 2019,
    "arxiv": "1810.03522",
    "venue": "GECCO 2019",
}

CELLS = {
    "NSGANet": {
        "paper": PAPER,
        "headline": True,
        "method": "multi-objective evolution (NSGA-II)",
        "sources": ["antoyang/NAS-Benchmark:NSGANET/models/micro_genotypes.py#L128 (NSGANet)"],
        "normal": [
            [("skip_connect", 0), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 0), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 1), ("sep_conv_3x3", 3)],
            [("max_pool_3x3", 1), ("sep_conv_5x5", 3)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 4, 5, 6],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 1), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("dil_conv_5x5", 1)],
            [("skip_connect", 2), ("avg_pool_3x3", 1)],
            [("dil_conv_5x5", 1), ("dil_conv_3x3", 1)],
        ],
        "reduce_concat": [3, 4, 5, 6],
    },
}
