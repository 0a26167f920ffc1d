"""UnNAS, searched on ImageNet and ImageNet-22K, with and without labels.

C. Liu et al. 2020 (arXiv 2003.12056).
"""

PAPER = {
    "title": "Are Labels Necessary for Neural Architecture Search?",
    "authors": "C. Liu, P. Dollar, K. He, R. Girshick, A. Yuille, S. Xie",
    "year": 2020,
    "arxiv": "2003.12056",
    "venue": "ECCV 2020",
}

METHOD = "gradient (DARTS) with self-supervised or supervised objective"

CELLS = {
    "UNNAS_IMAGENET_CLS": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L310"],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("skip_connect", 1)],
            [("max_pool_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 4), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET_ROT": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L335"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 4), ("sep_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET_COL": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L360"],
        "normal": [
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 3)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET_JIG": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L385"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 1), ("sep_conv_5x5", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET22K_CLS": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L410"],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("dil_conv_5x5", 2), ("max_pool_3x3", 0)],
            [("dil_conv_5x5", 3), ("dil_conv_5x5", 2)],
            [("dil_conv_5x5", 4), ("dil_conv_5x5", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET22K_ROT": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L435"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 2), ("sep_conv_5x5", 0)],
            [("dil_conv_5x5", 3), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 4), ("sep_conv_3x3", 3)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET22K_COL": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L460"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 3), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("skip_connect", 1)],
            [("dil_conv_5x5", 2), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 3), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 4), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_IMAGENET22K_JIG": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L485"],
        "normal": [
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("skip_connect", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 3)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
