"""DARTS: first and second order, convolutional and recurrent.

H. Liu et al. 2019 (arXiv 1806.09055); khanrc 2019.
"""

PAPER = {
    "title": "DARTS: Differentiable Architecture Search",
    "authors": "H. Liu, Simonyan, Yang",
    "year": 2019,
    "arxiv": "1806.09055",
    "venue": "ICLR 2019",
}

PT_DARTS_PAPER = {
    "title": "pt.darts (re-implementation of DARTS)",
    "authors": "khanrc",
    "year": 2019,
}

CELLS = {
    "DARTS_V1": {
        "paper": PAPER,
        "aliases": ["DARTS"],
        "headline": True,
        "method": "gradient, first-order bilevel",
        "reported": {
            "cifar10_error": 3.0, "cifar10_error_std": 0.14, "cifar10_params_M": 3.3,
            "search_cost_gpu_days": 1.5,
            "search_cost_note": "4 runs; 0.4 GPU-day for one run in PC-DARTS/SNAS tables",
            "numbers_from": ["DARTS paper Table 1"],
        },
        "notes": [
            (
                "DARTS is an alias of the first-order cell, DARTS_V1; DARTS_V2 is the "
                "second-order cell"
            ),
        ],
        "sources": [
            "quark0/darts:cnn/genotypes.py#L74 (DARTS_V1)",
            (
                "identical in >15 forks; V2 also microsoft/nni:nni/nas/hub/pytorch/nasnet.py "
                "(darts-v2)"
            ),
        ],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 2), ("avg_pool_3x3", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_V2": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, second-order bilevel",
        "reported": {
            "cifar10_error": 2.76, "cifar10_error_std": 0.09, "cifar10_params_M": 3.3,
            "imagenet_top1_error": 26.7, "imagenet_top5_error": 8.7, "imagenet_params_M": 4.7,
            "imagenet_madds_M": 574, "search_cost_gpu_days": 4,
            "search_cost_note": "4 runs; 1.0 GPU-day for one run",
            "cifar100_error": 17.54,
            "numbers_from": [
                "DARTS paper Table 1",
                "DARTS paper Table 3",
                "P-DARTS Table 1 (CIFAR-100)",
            ],
            "released_checkpoint_error": 2.63,
        },
        "sources": [
            "quark0/darts:cnn/genotypes.py#L75 (DARTS_V2)",
            (
                "identical in >15 forks; V2 also microsoft/nni:nni/nas/hub/pytorch/nasnet.py "
                "(darts-v2)"
            ),
        ],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 0), ("dil_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 2), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "DARTS_V1_RNN": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, first-order bilevel",
        "reported": {
            "ptb_valid_ppl": 60.2, "ptb_test_ppl": 57.6, "params_M": 23,
            "search_cost_gpu_days": 0.5,
            "numbers_from": ["DARTS paper Table 2"],
        },
        "sources": ["quark0/darts:rnn/genotypes.py (DARTS_V1)"],
        "recurrent": [
            [("relu", 0)],
            [("relu", 1)],
            [("tanh", 2)],
            [("relu", 3)],
            [("relu", 4)],
            [("identity", 1)],
            [("relu", 5)],
            [("relu", 1)],
        ],
        "recurrent_concat": [1, 2, 3, 4, 5, 6, 7, 8],
    },
    "DARTS_V2_RNN": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, second-order bilevel",
        "reported": {
            "ptb_valid_ppl": 58.1, "ptb_test_ppl": 55.7, "wt2_valid_ppl": 71.2,
            "wt2_test_ppl": 69.6, "params_M": 23, "search_cost_gpu_days": 1,
            "released_checkpoint_test_ppl": 55.68,
            "numbers_from": ["DARTS paper Tables 2, 4", "README"],
        },
        "sources": ["quark0/darts:rnn/genotypes.py (DARTS_V2)"],
        "recurrent": [
            [("sigmoid", 0)],
            [("relu", 1)],
            [("relu", 1)],
            [("identity", 1)],
            [("tanh", 2)],
            [("sigmoid", 5)],
            [("tanh", 3)],
            [("relu", 5)],
        ],
        "recurrent_concat": [1, 2, 3, 4, 5, 6, 7, 8],
    },
    "PTDARTS_cifar10": {
        "paper": PT_DARTS_PAPER,
        "method": "gradient, second-order (re-implementation)",
        "reported": {
            "cifar10_error": 2.83,
            "numbers_from": ["pt.darts README: 97.17 % final, 97.23 % best"],
        },
        "sources": ["khanrc/pt.darts:README.md (Found architectures)"],
        "normal": [
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
            [("skip_connect", 0), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 3), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("max_pool_3x3", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
