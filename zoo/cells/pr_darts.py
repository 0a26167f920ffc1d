"""PR-DARTS: operations with their number of repeats.

P. Zhou et al. 2020 (arXiv 2006.16537).
"""

PAPER = {
    "title": "Theory-Inspired Path-Regularized Differential Network Architecture Search",
    "authors": "P. Zhou, C. Xiong, R. Socher, S. Hoi",
    "year": 2020,
    "arxiv": "2006.16537",
    "venue": "NeurIPS 2020",
}

REPEATS = "A suffix _1 or _2 is the number of stacked separable convolutions; needs sep_conv_7x7."
CLAIM = "The paper claims 2.32 (97.68 %), users get 97.38 % (salesforce/PR-DARTS#1)."

CELLS = {
    "PR_DARTS_DL1": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, path regularization",
        "reported": {
            "numbers_from": [
                "ROME Table 2: method average 2.68+-0.10 reproduced, 3.4M, 0.2 GPU-days",
            ],
        },
        "notes": [REPEATS, CLAIM],
        "sources": [
            (
                "cogsys-tuebingen/uninas:uninas/utils/generate/networks/darts_configs.py#L98 "
                "(PR_DARTS_DL1)"
            ),
        ],
        "normal": [
            [("sep_conv_5x5_2", 0), ("sep_conv_3x3_2", 1)],
            [("sep_conv_3x3_2", 1), ("skip_connect", 2)],
            [("sep_conv_3x3_2", 1), ("skip_connect", 2)],
            [("skip_connect", 0), ("skip_connect", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3_2", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 0), ("sep_conv_5x5_2", 2)],
            [("sep_conv_3x3_2", 0), ("sep_conv_3x3_2", 1)],
            [("max_pool_3x3", 1), ("sep_conv_3x3_2", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "PR_DARTS_DL2": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, path regularization",
        "reported": {
            "numbers_from": [
                "ROME Table 2: method average 2.68+-0.10 reproduced, 3.4M, 0.2 GPU-days",
            ],
        },
        "notes": [REPEATS, CLAIM],
        "sources": [
            (
                "cogsys-tuebingen/uninas:uninas/utils/generate/networks/darts_configs.py#L125 "
                "(PR_DARTS_DL2)"
            ),
        ],
        "normal": [
            [("sep_conv_3x3_2", 0), ("sep_conv_3x3_1", 1)],
            [("sep_conv_3x3_1", 1), ("sep_conv_7x7_2", 2)],
            [("skip_connect", 0), ("sep_conv_5x5_2", 1)],
            [("sep_conv_3x3_2", 1), ("sep_conv_7x7_2", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3_1", 0), ("sep_conv_3x3_2", 1)],
            [("sep_conv_3x3_2", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3_1", 3)],
            [("sep_conv_3x3_1", 0), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
