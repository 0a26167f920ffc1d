"""FairDARTS: cells whose nodes have any number of edges.

X. Chu et al. 2020 (arXiv 1911.12126).
"""

PAPER = {
    "title": "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search",
    "authors": "X. Chu, T. Zhou, B. Zhang, J. Li",
    "year": 2020,
    "arxiv": "1911.12126",
    "venue": "ECCV 2020",
}

METHOD = "gradient, sigmoid relaxation + zero-one loss"
EMPTY_NODES = (
    "Nodes have 0 to 2 edges; nodes without edges are dropped from the concat (in the released "
    "model.py, DCOCell, the multiplier is the number of non-empty nodes)."
)
SEARCH_COST = "The CDARTS table prints a search cost of 0.1."
AUXILIARY_COUNTED = (
    "The reported parameters include the CIFAR auxiliary head (+0.47 M); those of FairDARTS_c do "
    "not."
)

CELLS = {
    "FairDARTS_a": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.54, "cifar10_params_M": 2.83, "cifar10_madds_M": 373,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L150 (FairDARTS_a)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [],
            [("max_pool_3x3", 0)],
            [("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_b": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.51, "cifar10_params_M": 3.88, "cifar10_madds_M": 536,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L155 (FairDARTS_b)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("skip_connect", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("dil_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_c": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.5, "cifar10_params_M": 2.59, "cifar10_madds_M": 400,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L159 (FairDARTS_c)"],
        "normal": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [],
            [("dil_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("skip_connect", 3), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_3x3", 1), ("dil_conv_5x5", 0)],
            [("dil_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 3)],
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_d": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.49, "cifar10_params_M": 3.84, "cifar10_madds_M": 532,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L163 (FairDARTS_d)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 1), ("max_pool_3x3", 0)],
            [("dil_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("dil_conv_3x3", 3), ("avg_pool_3x3", 0)],
            [("avg_pool_3x3", 0), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_e": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.53, "cifar10_params_M": 3.12, "cifar10_madds_M": 414,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L167 (FairDARTS_e)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("dil_conv_3x3", 0), ("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 1), ("max_pool_3x3", 0)],
            [("max_pool_3x3", 1), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_f": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.65, "cifar10_params_M": 3.62, "cifar10_madds_M": 497,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L171 (FairDARTS_f)"],
        "normal": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 1)],
            [("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("dil_conv_3x3", 1)],
            [("dil_conv_3x3", 2), ("max_pool_3x3", 0)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "FairDARTS_g": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.54, "cifar10_params_M": 3.38, "cifar10_madds_M": 453,
            "numbers_from": ["FairDARTS README (accuracy, params, FLOPs)"],
        },
        "notes": [EMPTY_NODES, SEARCH_COST, AUXILIARY_COUNTED],
        "sources": ["xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L175 (FairDARTS_g)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [],
            [("skip_connect", 3), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 3), ("max_pool_3x3", 0)],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
