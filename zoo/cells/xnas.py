"""XNAS and ASAP, of the same laboratory.

N. Nayman et al. 2019 (arXiv 1906.08031); A. Noy et al. 2020 (arXiv 1904.04123).
"""

PAPER = {
    "title": "XNAS: Neural Architecture Search with Expert Advice",
    "authors": "N. Nayman, A. Noy, T. Ridnik, I. Friedman, R. Jin, L. Zelnik-Manor",
    "year": 2019,
    "arxiv": "1906.08031",
    "venue": "NeurIPS 2019",
}

ASAP_PAPER = {
    "title": "ASAP: Architecture Search, Anneal and Prune",
    "authors": (
        "A. Noy, N. Nayman, T. Ridnik, N. Zamir, S. Doveh, I. Friedman, R. Giryes, L. "
        "Zelnik-Manor"
    ),
    "year": 2020,
    "arxiv": "1904.04123",
    "venue": "AISTATS 2020",
}

CELLS = {
    "XNAS": {
        "paper": PAPER,
        "headline": True,
        "method": "prediction with expert advice (exponentiated gradient, wipe-out)",
        "reported": {
            "cifar10_error": 1.81, "cifar10_params_M": 3.7, "cifar10_error_darts_protocol": 2.48,
            "imagenet_top1_error": 23.9, "imagenet_params_M": 5.2, "imagenet_madds_M": 590,
            "search_cost_gpu_days": 0.3,
            "numbers_from": ["XNAS README"],
            "note": "1.81 uses AutoAugment etc.; 2.48 = DARTS training protocol",
        },
        "sources": ["NivNayman/XNAS:genotypes.py#L68 (XNAS)"],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 3), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 4), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("skip_connect", 2)],
            [("dil_conv_3x3", 3), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 4), ("avg_pool_3x3", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "ASAP": {
        "paper": ASAP_PAPER,
        "headline": True,
        "method": "gradient, anneal and prune",
        "reported": {
            "imagenet_top1_error": 24.4, "imagenet_params_M": 5.1, "search_cost_gpu_days": 0.2,
            "numbers_from": ["XNAS README table"],
        },
        "notes": [
            (
                "The ImageNet top-1 error disagrees: 24.4 (the XNAS authors) and 26.7 (the CDARTS"
                " table, 73.3 %)."
            ),
        ],
        "sources": [
            "cogsys-tuebingen/uninas:uninas/utils/generate/networks/darts_configs.py#L152 (ASAP)",
        ],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("skip_connect", 1), ("skip_connect", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
