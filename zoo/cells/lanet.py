"""LaNet, found by Monte-Carlo tree search.

L. Wang et al. 2021 (arXiv 1906.06832).
"""

PAPER = {
    "title": "Sample-Efficient Neural Architecture Search by Learning Action Space",
    "authors": "L. Wang, S. Xie, T. Li, R. Fonseca, Y. Tian",
    "year": 2021,
    "arxiv": "1906.06832",
    "venue": "TPAMI 2021",
}

CELLS = {
    "LaNet_C10": {
        "paper": PAPER,
        "headline": True,
        "method": "MCTS with learned action space (LaNAS)",
        "reported": {
            "cifar10_error": 0.97,
            "numbers_from": [
                (
                    "LaNet README: 99.03 % with 24 layers, 128 channels, cutmix, AutoAugment, "
                    "EMA, 1500 epochs"
                ),
            ],
        },
        "notes": [
            "7 intermediate nodes; both cells have the same code; nodes 7 and 8 are the last.",
            "The figure is for a very wide model and heavy augmentation, not the DARTS protocol.",
        ],
        "sources": [
            (
                "facebookresearch/LaMCTS:LaNAS/LaNet/CIFAR10/README.md (arch list), decoded with "
                "nasnet_set.py gen_code_from_list/translator"
            ),
        ],
        "normal": [
            [("skip_connect", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
            [("max_pool_3x3", 2), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 3), ("sep_conv_5x5", 4)],
            [("skip_connect", 3), ("max_pool_3x3", 0)],
            [("skip_connect", 3), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [5, 6, 7, 8],
        "reduce": [
            [("skip_connect", 0), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
            [("max_pool_3x3", 2), ("skip_connect", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 3), ("sep_conv_5x5", 4)],
            [("skip_connect", 3), ("max_pool_3x3", 0)],
            [("skip_connect", 3), ("sep_conv_3x3", 1)],
        ],
        "reduce_concat": [5, 6, 7, 8],
    },
}
