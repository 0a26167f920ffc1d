"""UnNAS, searched on Cityscapes, with and without labels.

C. Liu et al. 2020 (arXiv 2003.12056).
"""

from zoo.cells.unnas_imagenet import METHOD, PAPER

CELLS = {
    "UNNAS_CITYSCAPES_SEG": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L510"],
        "normal": [
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 1), ("sep_conv_5x5", 0)],
            [("sep_conv_3x3", 2), ("sep_conv_5x5", 0)],
            [("sep_conv_3x3", 4), ("sep_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_CITYSCAPES_ROT": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L535"],
        "normal": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 3)],
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 2), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 3), ("dil_conv_5x5", 2)],
            [("sep_conv_5x5", 2), ("sep_conv_5x5", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_CITYSCAPES_COL": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L560"],
        "normal": [
            [("dil_conv_3x3", 1), ("sep_conv_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_5x5", 2)],
            [("dil_conv_3x3", 3), ("skip_connect", 0)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 1), ("avg_pool_3x3", 0)],
            [("avg_pool_3x3", 1), ("avg_pool_3x3", 0)],
            [("avg_pool_3x3", 1), ("avg_pool_3x3", 0)],
            [("avg_pool_3x3", 1), ("skip_connect", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "UNNAS_CITYSCAPES_JIG": {
        "paper": PAPER,
        "method": METHOD,
        "sources": ["facebookresearch/unnas:pycls/models/nas/genotypes.py#L585"],
        "normal": [
            [("dil_conv_5x5", 1), ("sep_conv_5x5", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)],
            [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
            [("dil_conv_5x5", 1), ("dil_conv_5x5", 2)],
            [("dil_conv_5x5", 2), ("dil_conv_5x5", 0)],
            [("dil_conv_5x5", 3), ("dil_conv_5x5", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
