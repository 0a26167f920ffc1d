"""CARS, nine cells from small to large.

Z. Yang et al. 2020 (arXiv 1909.04977).
"""

PAPER = {
    "title": "CARS: Continuous Evolution for Efficient Neural Architecture Search",
    "authors": "Z. Yang, Y. Wang, X. Chen, B. Shi, C. Xu, C. Xu, Q. Tian, C. Xu",
    "year": 2020,
    "arxiv": "1909.04977",
    "venue": "CVPR 2020",
}

METHOD = "continuous evolution with parameter sharing"
SOURCES = ["huawei-noah/CARS README (Architectures)"]

CELLS = {
    "CARS_A": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 1)],
            [("dil_conv_5x5", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_B": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 2)],
            [("dil_conv_3x3", 0), ("max_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 0), ("max_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("dil_conv_3x3", 3), ("max_pool_3x3", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_C": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 1), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_D": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("avg_pool_3x3", 1)],
            [("skip_connect", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 1), ("max_pool_3x3", 0)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_E": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("avg_pool_3x3", 1), ("sep_conv_3x3", 2)],
            [("skip_connect", 3), ("skip_connect", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("skip_connect", 0), ("dil_conv_3x3", 1)],
            [("avg_pool_3x3", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 2), ("max_pool_3x3", 0)],
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_F": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("skip_connect", 2)],
            [("sep_conv_5x5", 3), ("max_pool_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_5x5", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_G": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("max_pool_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("dil_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_H": {
        "paper": PAPER,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
            [("sep_conv_5x5", 2), ("max_pool_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("dil_conv_3x3", 2), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 0), ("avg_pool_3x3", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CARS_I": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "sources": SOURCES,
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 2), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_3x3", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 2)],
            [("skip_connect", 1), ("sep_conv_5x5", 3)],
            [("dil_conv_3x3", 1), ("max_pool_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
