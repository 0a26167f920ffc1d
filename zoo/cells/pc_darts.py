"""PC-DARTS, searched on CIFAR-10 and on ImageNet.

Y. Xu et al. 2020 (arXiv 1907.05737).
"""

PAPER = {
    "title": "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search",
    "authors": "Y. Xu, L. Xie, X. Zhang, X. Chen, G.-J. Qi, Q. Tian, H. Xiong",
    "year": 2020,
    "arxiv": "1907.05737",
    "venue": "ICLR 2020",
}

CELLS = {
    "PC_DARTS_cifar": {
        "paper": PAPER,
        "aliases": ["PCDARTS"],
        "headline": True,
        "method": "gradient, partial channels + edge normalization",
        "reported": {
            "cifar10_error": 2.57, "cifar10_error_std": 0.07, "cifar10_params_M": 3.6,
            "search_cost_gpu_days": 0.1,
            "numbers_from": ["PC-DARTS README"],
        },
        "notes": [
            (
                "The average over 4 independent searches is 2.89+-0.22 (ROME, Table 2); users "
                "report an accuracy of 96.8 to 97.35 % (PC-DARTS#7, #47)."
            ),
        ],
        "sources": ["yuhuixu1993/PC-DARTS:genotypes.py#L78 (PC_DARTS_cifar)"],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "PC_DARTS_image": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, partial channels (searched on ImageNet)",
        "reported": {
            "imagenet_top1_error": 24.2, "imagenet_top5_error": 7.3, "imagenet_params_M": 5.3,
            "imagenet_madds_M": 597, "search_cost_gpu_days": 3.8,
            "numbers_from": ["PC-DARTS README", "DrNAS README"],
        },
        "sources": ["yuhuixu1993/PC-DARTS:genotypes.py#L79 (PC_DARTS_image)"],
        "normal": [
            [("skip_connect", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("dil_conv_5x5", 2), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
