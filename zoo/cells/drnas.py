"""DrNAS, searched on CIFAR-10 and on ImageNet.

X. Chen et al. 2021 (arXiv 2006.10355).
"""

PAPER = {
    "title": "DrNAS: Dirichlet Neural Architecture Search",
    "authors": "X. Chen, R. Wang, M. Cheng, X. Tang, C.-J. Hsieh",
    "year": 2021,
    "arxiv": "2006.10355",
    "venue": "ICLR 2021",
}

CELLS = {
    "DrNAS_cifar10": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, Dirichlet distribution + progressive",
        "reported": {
            "cifar10_error": 2.46, "cifar10_error_std": 0.03, "cifar10_params_M": 4.1,
            "search_cost_gpu_days": 0.6,
            "numbers_from": ["DrNAS README"],
        },
        "notes": ["A user could not reproduce the figure: xiangning-chen/DrNAS#5."],
        "sources": ["xiangning-chen/DrNAS:DARTS-space/genotypes.py#L82 (DrNAS_cifar10)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 2), ("dil_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 2), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 1), ("dil_conv_5x5", 3)],
            [("skip_connect", 4), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DrNAS_imagenet": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, Dirichlet (searched on ImageNet)",
        "reported": {
            "imagenet_top1_error": 23.7, "imagenet_params_M": 5.7, "search_cost_gpu_days": 4.6,
            "numbers_from": ["DrNAS README"],
        },
        "sources": ["xiangning-chen/DrNAS:DARTS-space/genotypes.py#L83 (DrNAS_imagenet)"],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 3)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 3), ("sep_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
