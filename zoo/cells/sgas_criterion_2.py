"""SGAS, ten searches by criterion 2.

G. Li et al. 2020 (arXiv 1912.00195).
"""

from zoo.cells.sgas_criterion_1 import PAPER, SOURCE_OF_NUMBERS

METHOD = "gradient, sequential greedy, criterion 2"

CELLS = {
    "SGAS_Cri2_1": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.57, "cifar10_params_M": 4.14, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L115 (Cri2_CIFAR_1)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 1), ("sep_conv_3x3", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_2": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.6, "cifar10_params_M": 3.88, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L117 (Cri2_CIFAR_2)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 2)],
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 2)],
            [("dil_conv_5x5", 1), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_3": {
        "paper": PAPER,
        "aliases": ["SGAS_Cri2_best"],
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.44, "cifar10_params_M": 4.09, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.44, "imagenet_top5_error": 7.41, "imagenet_params_M": 5.7,
            "imagenet_madds_M": 621,
            "imagenet_note": "source alias Cri2_ImageNet_1 = Cri2_CIFAR_3",
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L119 (Cri2_CIFAR_3)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 2), ("sep_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("max_pool_3x3", 1)],
            [("dil_conv_3x3", 0), ("max_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_4": {
        "paper": PAPER,
        "aliases": ["SGAS_Cri2_ImageNet_best"],
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.49, "cifar10_params_M": 3.91, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.13, "imagenet_top5_error": 7.31, "imagenet_params_M": 5.44,
            "imagenet_madds_M": 598,
            "imagenet_note": "source alias Cri2_ImageNet_2 = Cri2_CIFAR_4",
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L121 (Cri2_CIFAR_4)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_5x5", 0), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("dil_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("dil_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("avg_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_5": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.52, "cifar10_params_M": 3.69, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
            "imagenet_top1_error": 24.55, "imagenet_top5_error": 7.44, "imagenet_params_M": 5.2,
            "imagenet_madds_M": 571,
            "imagenet_note": "source alias Cri2_ImageNet_3 = Cri2_CIFAR_5",
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L123 (Cri2_CIFAR_5)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 2)],
            [("sep_conv_3x3", 2), ("dil_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 1), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 3)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_6": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 3.12, "cifar10_params_M": 3.95, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L125 (Cri2_CIFAR_6)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 3)],
            [("dil_conv_5x5", 2), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 3)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_7": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.58, "cifar10_params_M": 3.69, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L127 (Cri2_CIFAR_7)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("skip_connect", 1), ("dil_conv_3x3", 2)],
            [("sep_conv_5x5", 1), ("dil_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 1), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_8": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.85, "cifar10_params_M": 4.33, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L129 (Cri2_CIFAR_8)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 1), ("dil_conv_5x5", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("skip_connect", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_9": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.85, "cifar10_params_M": 3.73, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L131 (Cri2_CIFAR_9)"],
        "normal": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_3x3", 1), ("dil_conv_3x3", 3)],
            [("sep_conv_3x3", 1), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("dil_conv_5x5", 2), ("sep_conv_3x3", 3)],
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "SGAS_Cri2_10": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.66, "cifar10_params_M": 3.68, "search_cost_gpu_days": 0.25,
            "numbers_from": SOURCE_OF_NUMBERS,
        },
        "sources": ["lightaime/sgas:cnn/genotypes.py#L133 (Cri2_CIFAR_10)"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 1), ("dil_conv_5x5", 2)],
            [("sep_conv_3x3", 2), ("dil_conv_5x5", 3)],
            [("max_pool_3x3", 0), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
            [("sep_conv_5x5", 0), ("skip_connect", 2)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 1), ("dil_conv_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
