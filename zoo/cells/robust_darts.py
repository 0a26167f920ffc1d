"""A collapsed cell that RobustDARTS exhibits.

A. Zela et al. 2020 (arXiv 1909.09656).
"""

PAPER = {
    "title": "Understanding and Robustifying Differentiable Architecture Search",
    "authors": "A. Zela, T. Elsken, T. Saikia, Y. Marrakchi, T. Brox, F. Hutter",
    "year": 2020,
    "arxiv": "1909.09656",
    "venue": "ICLR 2020",
}

CELLS = {
    "DARTS_S1_collapse_example": {
        "paper": PAPER,
        "method": "gradient, second-order DARTS on reduced space S1 (failure exhibit)",
        "reported": {
            "cifar10_error": 4.66, "cifar10_error_std": 0.71,
            "numbers_from": ["ROME Table 1 quoting R-DARTS: DARTS on S1, average"],
        },
        "notes": [
            (
                "7 of 8 normal edges are skip_connect: a test case for a detector of collapse. "
                "R-DARTS itself publishes no single best cell."
            ),
        ],
        "sources": [
            (
                "automl/RobustDARTS:experiments/search_logs/results_arch.yaml (s1_cifar10, drop "
                "0.0, L2 0.0003, seed 1)"
            ),
        ],
        "normal": [
            [("skip_connect", 1), ("dil_conv_3x3", 0)],
            [("skip_connect", 2), ("skip_connect", 0)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("skip_connect", 2), ("skip_connect", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 1), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
