"""NAONet: cells found by gradient ascent in the space of an encoder.

R. Luo et al. 2018 (arXiv 1808.07233); R. Luo et al. 2019 (arXiv 1909.10815).
"""

PAPER = {
    "title": "Neural Architecture Optimization",
    "authors": "R. Luo, F. Tian, T. Qin, E. Chen, T.-Y. Liu",
    "year": 2018,
    "arxiv": "1808.07233",
    "venue": "NeurIPS 2018",
}

BALANCED_PAPER = {
    "title": "Balanced One-shot Neural Architecture Optimization",
    "authors": "R. Luo, T. Qin, E. Chen",
    "year": 2019,
    "arxiv": "1909.10815",
    "venue": "arXiv",
}

METHOD = "encoder-decoder gradient (NAO)"
UNUSED_STATES = (
    "The concat holds every unused state, as in NAO_V1/model.py line 197; it may include the "
    "inputs."
)
LICENSE = (
    "The repository is under GPLv3: the list of integers is a fact, its code is not to be copied."
)

CELLS = {
    "NAONet_A": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.48, "cifar10_params_M": 10.6, "search_cost_gpu_days": 200,
            "numbers_from": ["NAO_V1 README (error)", "CDARTS Table (params, cost)"],
        },
        "notes": [UNUSED_STATES, LICENSE],
        "sources": [
            (
                "renqianluo/NAO_pytorch:NAO_V1/train_NAONet_A_36_cifar10.sh (fixed_arc), decoded "
                "with NAO_V1/model.py and operations.py"
            ),
        ],
        "normal": [
            [("conv_3x3", 0), ("avg_pool_5x5", 1)],
            [("conv_3x1_1x3", 2), ("conv_3x3", 1)],
            [("conv_1x1", 0), ("conv_3x3", 1)],
            [("conv_3x1_1x3", 0), ("conv_3x3", 4)],
            [("skip_connect", 1), ("conv_3x3", 0)],
        ],
        "normal_concat": [3, 5, 6],
        "reduce": [
            [("conv_3x3", 0), ("avg_pool_2x2", 1)],
            [("conv_1x1", 0), ("avg_pool_3x3", 0)],
            [("conv_7x1_1x7", 0), ("max_pool_2x2", 1)],
            [("avg_pool_3x3", 0), ("conv_1x1", 2)],
            [("max_pool_3x3", 1), ("conv_3x3", 0)],
        ],
        "reduce_concat": [3, 4, 5, 6],
    },
    "NAONet_B": {
        "paper": PAPER,
        "method": METHOD,
        "notes": [UNUSED_STATES, LICENSE],
        "sources": [
            (
                "renqianluo/NAO_pytorch:NAO_V1/train_NAONet_B_36_cifar10.sh (fixed_arc), decoded "
                "with NAO_V1/model.py and operations.py"
            ),
        ],
        "normal": [
            [("sep_conv_5x5", 0), ("avg_pool_3x3", 0)],
            [("sep_conv_5x5", 0), ("avg_pool_3x3", 2)],
            [("max_pool_3x3", 1), ("avg_pool_3x3", 0)],
            [("sep_conv_3x3", 4), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 2), ("max_pool_3x3", 0)],
        ],
        "normal_concat": [3, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 2), ("skip_connect", 2)],
            [("sep_conv_3x3", 1), ("max_pool_3x3", 2)],
            [("sep_conv_5x5", 3), ("avg_pool_3x3", 2)],
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 0)],
        ],
        "reduce_concat": [4, 5, 6],
    },
    "NAONet_V2": {
        "paper": BALANCED_PAPER,
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.57,
            "numbers_from": ["NAO_V2 README"],
        },
        "notes": [UNUSED_STATES, LICENSE],
        "sources": [
            (
                "renqianluo/NAO_pytorch:NAO_V2/train_NAONet_V2_36_cifar10.sh (fixed_arc), decoded"
                " with NAO_V1/model.py and operations.py"
            ),
        ],
        "normal": [
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 0)],
            [("skip_connect", 2), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 0)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [3, 4, 5, 6],
        "reduce": [
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 0)],
            [("avg_pool_3x3", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 0)],
            [("sep_conv_3x3", 0), ("max_pool_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 0)],
        ],
        "reduce_concat": [3, 4, 5, 6],
    },
}
