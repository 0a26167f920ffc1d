"""DARTS-, with a decaying auxiliary skip connection.

X. Chu et al. 2021 (arXiv 2009.01027).
"""

PAPER = {
    "title": "DARTS-: Robustly Stepping out of Performance Collapse Without Indicators",
    "authors": "X. Chu, X. Wang, B. Zhang, S. Lu, X. Wei, J. Yan",
    "year": 2021,
    "arxiv": "2009.01027",
    "venue": "ICLR 2021",
}

METHOD = "gradient, decaying auxiliary skip"
AVERAGED = (
    "The figure is the average over searches; the source names DARTS_minus_0 \"cifar10_s0_best\"."
)
REPORTED = {
    "cifar10_error": 2.59, "cifar10_error_std": 0.08, "cifar10_params_M": 3.5,
    "search_cost_gpu_days": 0.4,
    "numbers_from": ["NASI Table 1: DARTS-(avg)"],
}

CELLS = {
    "DARTS_minus_0": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [AVERAGED],
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L76 (cifar10_s0_0)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("skip_connect", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("skip_connect", 3)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_minus_1": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [AVERAGED],
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L77 (cifar10_s0_1)"],
        "normal": [
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 1), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("skip_connect", 3)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_minus_2": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [AVERAGED],
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L78 (cifar10_s0_2)"],
        "normal": [
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 1), ("sep_conv_5x5", 0)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("skip_connect", 3)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_minus_3": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [AVERAGED],
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L79 (cifar10_s0_3)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
            [("skip_connect", 1), ("skip_connect", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("sep_conv_5x5", 0)],
            [("skip_connect", 3), ("skip_connect", 2)],
            [("skip_connect", 3), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_minus_4": {
        "paper": PAPER,
        "method": METHOD,
        "reported": REPORTED,
        "notes": [AVERAGED],
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L80 (cifar10_s0_4)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 1), ("dil_conv_3x3", 0)],
            [("skip_connect", 1), ("sep_conv_5x5", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 2), ("skip_connect", 3)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_minus_c100": {
        "paper": PAPER,
        "method": "gradient, decaying auxiliary skip (CIFAR-100)",
        "reported": {
            "cifar100_error": 17.51, "cifar100_error_std": 0.25,
            "numbers_from": ["NASI Table 1 (average)"],
        },
        "sources": ["Meituan-AutoML/DARTS-:src/eval/genotypes.py#L111 (cifar100_s0_0)"],
        "normal": [
            [("dil_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 0)],
            [("dil_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 2), ("sep_conv_5x5", 0)],
            [("skip_connect", 2), ("skip_connect", 3)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
