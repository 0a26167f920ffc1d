"""SNAS under its three resource constraints.

S. Xie et al. 2019 (arXiv 1812.09926).
"""

PAPER = {
    "title": "SNAS: Stochastic Neural Architecture Search",
    "authors": "S. Xie, H. Zheng, C. Liu, L. Lin",
    "year": 2019,
    "arxiv": "1812.09926",
    "venue": "ICLR 2019",
}

METHOD = "stochastic gradient (concrete), single-level"

CELLS = {
    "SNAS_mild": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.98, "cifar10_params_M": 2.9, "imagenet_top1_error": 27.3,
            "imagenet_top5_error": 9.2, "imagenet_params_M": 4.3, "imagenet_madds_M": 522,
            "search_cost_gpu_days": 1.5,
            "numbers_from": ["SNAS Table 2 (repo img/snas_result.png)", "P-DARTS Table 2"],
        },
        "notes": [
            (
                "Reported at 2.9 M parameters, it computes to 2.66 M (a comment in FairDARTS "
                "agrees: 2.66 M)."
            ),
            (
                "The FairDARTS copy (SNAS) equals this cell up to the order of edges within a "
                "node; the PC-DARTS README prints an ImageNet top-5 error of 9.3."
            ),
        ],
        "sources": ["SNAS-Series/SNAS-Series:SNAS/genotypes.py#L129 (SNAS_mild)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SNAS_moderate": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.85, "cifar10_error_std": 0.02, "cifar10_params_M": 2.8,
            "search_cost_gpu_days": 1.5,
            "numbers_from": ["SNAS Table 2 (repo img/snas_result.png)", "P-DARTS Table 2"],
        },
        "notes": [
            (
                "Sources disagree: SNAS/genotypes.py ends the reduction with sep_conv_5x5 from 1,"
                " Analysis/snas/genotypes.py with sep_conv_5x5 from 0."
            ),
        ],
        "sources": ["SNAS-Series/SNAS-Series:SNAS/genotypes.py#L185 (SNAS_moderate)"],
        "normal": [
            [("dil_conv_5x5", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SNAS_aggressive": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 3.1, "cifar10_error_std": 0.04, "cifar10_params_M": 2.3,
            "search_cost_gpu_days": 1.5,
            "numbers_from": ["SNAS Table 2 (repo img/snas_result.png)", "P-DARTS Table 2"],
        },
        "notes": [
            (
                "Has explicit none edges; reduction nodes 4 and 5 have no others, so they are "
                "zeros of the right shape (the concat keeps them)."
            ),
        ],
        "sources": ["SNAS-Series/SNAS-Series:SNAS/genotypes.py#L241 (SNAS_aggressive)"],
        "normal": [
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("dil_conv_5x5", 1), ("skip_connect", 0)],
            [("skip_connect", 0), ("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("none", 1)],
            [("sep_conv_5x5", 0), ("none", 1)],
            [("none", 1), ("none", 0)],
            [("none", 1), ("none", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
