"""CDARTS, searched on CIFAR-10 and on ImageNet.

H. Yu et al. 2022 (arXiv 2006.10724).
"""

PAPER = {
    "title": "Cyclic Differentiable Architecture Search",
    "authors": "H. Yu, H. Peng, Y. Huang, J. Fu, H. Du, L. Wang, H. Ling",
    "year": 2022,
    "arxiv": "2006.10724",
    "venue": "TPAMI 2022",
}

CELLS = {
    "CDARTS_cifar": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, cyclic search/evaluation joint optimization",
        "reported": {
            "cifar10_error": 2.48, "cifar10_error_std": 0.04, "cifar10_params_M": 3.8,
            "cifar100_error": 15.69, "search_cost_gpu_days": 0.3,
            "numbers_from": ["researchmm/CDARTS demo/results1.png, results2.png"],
        },
        "sources": [
            (
                "researchmm/CDARTS:CyDAS/cells/cifar_genotype.json (stages 0,1,2 identical), "
                "demo/cell.png agrees"
            ),
            "microsoft/Cream:CDARTS/CDARTS/cells/ (same)",
        ],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("skip_connect", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 2), ("skip_connect", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "CDARTS_imagenet": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, cyclic search/evaluation joint optimization",
        "reported": {
            "imagenet_top1_error": 23.7, "imagenet_top5_error": 7.1, "imagenet_params_M": 6.1,
            "imagenet_madds_M": 732, "search_cost_gpu_days": 1.7,
            "note": "mobile-setting version: 24.1/7.4, 5.4M, 571M",
            "numbers_from": ["researchmm/CDARTS demo/results1.png, results2.png"],
        },
        "sources": [
            (
                "researchmm/CDARTS:CyDAS/cells/imagenet_genotype.json (stages 0,1,2 identical), "
                "demo/cell.png agrees"
            ),
            "microsoft/Cream:CDARTS/CDARTS/cells/ (same)",
        ],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_5x5", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 1), ("avg_pool_3x3", 0)],
            [("max_pool_3x3", 1), ("dil_conv_5x5", 2)],
            [("sep_conv_5x5", 1), ("dil_conv_5x5", 2)],
            [("sep_conv_3x3", 3), ("dil_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
