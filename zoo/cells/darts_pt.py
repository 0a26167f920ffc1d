"""DARTS-PT: operations selected by perturbation, four seeds each.

R. Wang et al. 2021 (arXiv 2108.04392).
"""

PAPER = {
    "title": "Rethinking Architecture Selection in Differentiable NAS",
    "authors": "R. Wang, M. Cheng, X. Chen, X. Tang, C.-J. Hsieh",
    "year": 2021,
    "arxiv": "2108.04392",
    "venue": "ICLR 2021",
}

METHOD = "gradient supernet + perturbation-based selection"
METHOD_FIXED_ALPHA = "supernet with fixed alpha + perturbation selection"
OF_THE_METHOD = "The figure is for the method; which seed gave which figure is not published."
REPORTED = {
    "cifar10_error": 2.61, "cifar10_error_std": 0.08, "cifar10_params_M": 3.0,
    "search_cost_gpu_days": 0.8,
    "numbers_from": ["ROME Table 2 (method level, not this seed)"],
}

CELLS = {
    "DARTS_PT_0": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [OF_THE_METHOD],
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L81 (darts_pt_s5_0)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("skip_connect", 0), ("max_pool_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("dil_conv_5x5", 1), ("dil_conv_3x3", 2)],
            [("avg_pool_3x3", 0), ("max_pool_3x3", 2)],
            [("sep_conv_3x3", 2), ("skip_connect", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_1": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [OF_THE_METHOD],
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L82 (darts_pt_s5_1)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 0), ("dil_conv_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_5x5", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("dil_conv_3x3", 3)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_2": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [OF_THE_METHOD],
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L83 (darts_pt_s5_2)"],
        "normal": [
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 2), ("dil_conv_3x3", 3)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 2), ("skip_connect", 3)],
            [("sep_conv_3x3", 2), ("sep_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_3": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [OF_THE_METHOD],
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L84 (darts_pt_s5_3)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 1), ("skip_connect", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("dil_conv_5x5", 1), ("max_pool_3x3", 3)],
            [("sep_conv_5x5", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_fixalpha_0": {
        "paper": PAPER,
        "method": METHOD_FIXED_ALPHA,
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L87 (blank_pt_s5_0)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("avg_pool_3x3", 1), ("skip_connect", 3)],
            [("max_pool_3x3", 0), ("avg_pool_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 1), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("skip_connect", 3)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_fixalpha_1": {
        "paper": PAPER,
        "method": METHOD_FIXED_ALPHA,
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L88 (blank_pt_s5_1)"],
        "normal": [
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("max_pool_3x3", 2)],
            [("skip_connect", 2), ("sep_conv_3x3", 3)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("avg_pool_3x3", 2), ("max_pool_3x3", 3)],
            [("sep_conv_5x5", 3), ("sep_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_fixalpha_2": {
        "paper": PAPER,
        "method": METHOD_FIXED_ALPHA,
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L89 (blank_pt_s5_2)"],
        "normal": [
            [("avg_pool_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 1)],
            [("sep_conv_5x5", 1), ("avg_pool_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 3)],
            [("max_pool_3x3", 2), ("dil_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_PT_fixalpha_3": {
        "paper": PAPER,
        "method": METHOD_FIXED_ALPHA,
        "sources": ["ruocwang/darts-pt:sota/cnn/genotypes.py#L90 (blank_pt_s5_3)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 2), ("sep_conv_3x3", 3)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("avg_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("skip_connect", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
