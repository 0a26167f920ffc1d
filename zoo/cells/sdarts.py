"""SmoothDARTS: random and adversarial perturbation, convolutional and recurrent.

X. Chen and C.-J. Hsieh 2020 (arXiv 2002.05283).
"""

PAPER = {
    "title": "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization",
    "authors": "X. Chen, C.-J. Hsieh",
    "year": 2020,
    "arxiv": "2002.05283",
    "venue": "ICML 2020",
}

SPACE = "S5 is the full DARTS space."
COMMENT = (
    "A comment in the Sunshine-Ye/Beta-DARTS copy gives c10_s5_pgd 97.39 and 97.28 %, 3.34 M; "
    "c10_s5_random 97.51 %, 3.61 M."
)

CELLS = {
    "SDARTS_RS": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient + random smoothing perturbation of alpha",
        "notes": [SPACE, COMMENT],
        "sources": ["xiangning-chen/SmoothDARTS:sota/cnn/genotypes.py#L26 (c10_s5_random)"],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_5x5", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 3), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 3), ("max_pool_3x3", 0)],
            [("sep_conv_3x3", 2), ("sep_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SDARTS_ADV": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient + adversarial (PGD) perturbation of alpha",
        "reported": {
            "cifar10_error": 2.61, "cifar10_error_std": 0.02, "cifar10_params_M": 3.3,
            "search_cost_gpu_days": 1.3,
            "numbers_from": ["ZiCo Table 10", "ROME Table 2"],
        },
        "notes": [SPACE, COMMENT],
        "sources": ["xiangning-chen/SmoothDARTS:sota/cnn/genotypes.py#L27 (c10_s5_pgd)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 3)],
            [("dil_conv_3x3", 4), ("skip_connect", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
            [("skip_connect", 3), ("skip_connect", 2)],
            [("skip_connect", 2), ("sep_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SDARTS_RS_RNN": {
        "paper": PAPER,
        "method": "gradient + perturbation",
        "sources": ["xiangning-chen/SmoothDARTS:sota/rnn/genotypes.py (penn_random)"],
        "recurrent": [
            [("sigmoid", 0)],
            [("sigmoid", 1)],
            [("identity", 2)],
            [("sigmoid", 1)],
            [("tanh", 2)],
            [("tanh", 2)],
            [("sigmoid", 0)],
            [("sigmoid", 3)],
        ],
        "recurrent_concat": [1, 2, 3, 4, 5, 6, 7, 8],
    },
    "SDARTS_ADV_RNN": {
        "paper": PAPER,
        "method": "gradient + perturbation",
        "sources": ["xiangning-chen/SmoothDARTS:sota/rnn/genotypes.py (penn_pgd)"],
        "recurrent": [
            [("relu", 0)],
            [("relu", 1)],
            [("tanh", 2)],
            [("relu", 3)],
            [("identity", 2)],
            [("relu", 1)],
            [("tanh", 2)],
            [("relu", 7)],
        ],
        "recurrent_concat": [1, 2, 3, 4, 5, 6, 7, 8],
    },
}
