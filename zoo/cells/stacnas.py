"""StacNAS.

G. Li et al. 2019 (arXiv 1909.11926).
"""

PAPER = {
    "title": (
        "StacNAS: Towards Stable and Consistent Optimization for Differentiable Architecture "
        "Search"
    ),
    "authors": "G. Li, X. Zhang, Z. Wang, Z. Li, T. Zhang",
    "year": 2019,
    "arxiv": "1909.11926",
    "venue": "arXiv",
}

CELLS = {
    "StacNAS_cifar10": {
        "paper": PAPER,
        "method": "gradient, two-stage (grouped operators)",
        "reported": {
            "cifar10_error": 2.33, "cifar10_error_mean": 2.48, "cifar10_error_std": 0.08,
            "cifar10_params_M": 3.9, "imagenet_top1_error": 24.4, "imagenet_top5_error": 7.3,
            "imagenet_params_M": 5.3, "search_cost_gpu_days": 0.8,
            "numbers_from": ["repo images/cifar10result.PNG, imagenetresult.PNG (\"Base\")"],
        },
        "notes": ["Transcribed from a picture, not from code."],
        "sources": [
            (
                "susan0199/StacNAS:images/cifar10_normal.png and cifar10_reduce.png, read from "
                "the figures"
            ),
        ],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("skip_connect", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 3)],
            [("sep_conv_5x5", 0), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
