"""MdeNAS.

X. Zheng et al. 2019 (arXiv 1905.07529).
"""

PAPER = {
    "title": "Multinomial Distribution Learning for Effective Neural Architecture Search",
    "authors": "X. Zheng, R. Ji, L. Tang, B. Zhang, J. Liu, Q. Tian",
    "year": 2019,
    "arxiv": "1905.07529",
    "venue": "ICCV 2019",
}

CELLS = {
    "MdeNAS": {
        "paper": PAPER,
        "headline": True,
        "method": "multinomial distribution learning",
        "sources": [
            "xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L123 (MdeNAS)",
            "cogsys-tuebingen/uninas:uninas/utils/generate/networks/darts_configs.py (identical)",
        ],
        "normal": [
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 3), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 3), ("max_pool_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 3), ("skip_connect", 2)],
            [("dil_conv_3x3", 3), ("sep_conv_5x5", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
