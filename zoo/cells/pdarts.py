"""P-DARTS, searched at growing depth.

X. Chen et al. 2019 (arXiv 1904.12760).
"""

PAPER = {
    "title": (
        "Progressive Differentiable Architecture Search: Bridging the Depth Gap between Search "
        "and Evaluation"
    ),
    "authors": "X. Chen, L. Xie, J. Wu, Q. Tian",
    "year": 2019,
    "arxiv": "1904.12760",
    "venue": "ICCV 2019",
}

CELLS = {
    "PDARTS": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, progressive depth + skip regularization",
        "reported": {
            "cifar10_error": 2.5, "cifar10_params_M": 3.4, "cifar100_error": 16.55,
            "imagenet_top1_error": 24.4, "imagenet_top5_error": 7.4, "imagenet_params_M": 4.9,
            "imagenet_madds_M": 557, "search_cost_gpu_days": 0.3,
            "numbers_from": ["P-DARTS Table1.png/Table2.png in repo"],
            "released_checkpoint_error": 2.42,
        },
        "notes": [
            (
                "The README says of the repository's cell that it comes from \"one run on CIFAR10 "
                "(the paper included those from another run)\": it is not the paper's figure."
            ),
            (
                "The CIFAR-100 cell (15.92 on CIFAR-100, 24.7 top-1 on ImageNet) is published "
                "only as a figure; there is no public genotype (asked for in "
                "chenxin061/pdarts#37)."
            ),
            (
                "An independent retraining gave 2.69 (chenxin061/pdarts#39); the average over 4 "
                "searches is 2.81+-0.14 (ROME, Table 2)."
            ),
        ],
        "sources": ["chenxin061/pdarts:genotypes.py#L77 (PDARTS)"],
        "normal": [
            [("skip_connect", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("dil_conv_3x3", 1)],
            [("dil_conv_3x3", 1), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
