"""SGAS, ten searches by criterion 1.

G. Li et al. 2020 (arXiv 1912.00195).
"""

PAPER = {
    "title": "SGAS: Sequential Greedy Architecture Search",
    "authors": "G. Li, G. Qian, I. Delgadillo, M. Mueller, A. Thabet, B. Ghanem",
    "year": 2020,
    "arxiv": "1912.00195",
    "venue": "CVPR 2020",
}

METHOD = "gradient, sequential greedy, criterion 1"
SOURCE_OF_NUMBERS = ["comments in cnn/genotypes.py"]

CELLS = {
    "SGAS_Cri1_1": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.44, "cifar10_params_M": 3.75, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.47, "imagenet_top5_error": 7.23, "imagenet_params_M": 5.25,
            "imagenet_madds_M": 578,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L77 (Cri1_CIFAR_1)"],
        "normal": [
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("dil_conv_5x5", 2), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("skip_connect", 2), ("skip_connect", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_2": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.5, "cifar10_params_M": 3.73, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.53, "imagenet_top5_error": 7.4, "imagenet_params_M": 5.23,
            "imagenet_madds_M": 574,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L79 (Cri1_CIFAR_2)"],
        "normal": [
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("skip_connect", 0), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 2), ("sep_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_3": {
        "paper": PAPER,
        "aliases": ["SGAS_Cri1_best"],
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.39, "cifar10_params_M": 3.8, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.22, "imagenet_top5_error": 7.25, "imagenet_params_M": 5.29,
            "imagenet_madds_M": 585,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L81 (Cri1_CIFAR_3)"],
        "normal": [
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 3)],
            [("skip_connect", 0), ("dil_conv_5x5", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_4": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.63, "cifar10_params_M": 3.32, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L83 (Cri1_CIFAR_4)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("dil_conv_3x3", 2), ("dil_conv_5x5", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_5": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.78, "cifar10_params_M": 3.45, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L85 (Cri1_CIFAR_5)"],
        "normal": [
            [("dil_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("dil_conv_5x5", 2), ("sep_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("sep_conv_3x3", 2), ("sep_conv_5x5", 3)],
            [("avg_pool_3x3", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_6": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.68, "cifar10_params_M": 3.47, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L87 (Cri1_CIFAR_6)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 2)],
            [("skip_connect", 1), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 1), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("dil_conv_3x3", 3)],
            [("skip_connect", 2), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_7": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.51, "cifar10_params_M": 3.83, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L89 (Cri1_CIFAR_7)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 2), ("dil_conv_5x5", 3)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
            [("max_pool_3x3", 1), ("dil_conv_5x5", 3)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_8": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.61, "cifar10_params_M": 3.66, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L91 (Cri1_CIFAR_8)"],
        "normal": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 1), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 1), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_9": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 3.18, "cifar10_params_M": 3.98, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L93 (Cri1_CIFAR_9)"],
        "normal": [
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 3)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri1_10": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.87, "cifar10_params_M": 3.61, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L95 (Cri1_CIFAR_10)"],
        "normal": [
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 3)],
            [("dil_conv_3x3", 2), ("dil_conv_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
