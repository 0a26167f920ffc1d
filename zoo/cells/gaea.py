"""Cells of the GAEA release and one attributed to it.

L. Li et al. 2021 (arXiv 2004.07802).
"""

PAPER = {
    "title": "Geometry-Aware Gradient Algorithms for Neural Architecture Search",
    "authors": "L. Li, M. Khodak, M.-F. Balcan, A. Talwalkar",
    "year": 2021,
    "arxiv": "2004.07802",
    "venue": "ICLR 2021",
}

CELLS = {
    "GAEA_PC_DARTS_secondary": {
        "paper": PAPER,
        "method": "gradient, exponentiated (GAEA) on PC-DARTS space",
        "notes": [
            (
                "A secondary source only: liamcli/gaea_release ships no GAEA cell, only edarts4 "
                "and ASHA200."
            ),
            (
                "Computes to 3.33 M parameters, the paper reports 3.7 M: probably not the "
                "headline cell."
            ),
        ],
        "sources": [
            (
                "public file id 18913313495 in the text index (a genotypes.py of an FTSO-related "
                "repository naming it GAEA); repository not identified"
            ),
        ],
        "normal": [
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("skip_connect", 2)],
            [("skip_connect", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("dil_conv_3x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_5x5", 2), ("dil_conv_5x5", 1)],
            [("sep_conv_5x5", 4), ("sep_conv_3x3", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "GAEA_repo_edarts4": {
        "paper": PAPER,
        "method": "gradient (exponentiated)",
        "notes": [
            (
                "From liamcli/gaea_release; the name suggests exponentiated-gradient DARTS, seed "
                "4; no figure is attached."
            ),
        ],
        "sources": ["liamcli/gaea_release:cnn/search_spaces/darts/genotypes.py#L185 (edarts4)"],
        "normal": [
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("skip_connect", 2)],
            [("skip_connect", 0), ("dil_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_3x3", 1), ("max_pool_3x3", 0)],
            [("skip_connect", 2), ("avg_pool_3x3", 0)],
            [("skip_connect", 3), ("skip_connect", 2)],
            [("skip_connect", 3), ("skip_connect", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "GAEA_repo_ASHA200": {
        "paper": PAPER,
        "method": "random search + early stopping (ASHA)",
        "reported": {
            "cifar10_error": 3.03, "cifar10_error_std": 0.13, "cifar10_params_M": 2.2,
            "search_cost_gpu_days": 9,
            "numbers_from": ["Li & Talwalkar 2019 Table 5, mapping to this cell unconfirmed"],
        },
        "notes": [
            (
                "Has none edges. Probably the ASHA baseline of Li & Talwalkar 2019 (3.03+-0.13, "
                "2.2 M, 9 GPU-days): the source does not say so, but it computes to 2.24 M."
            ),
        ],
        "sources": ["liamcli/gaea_release:cnn/search_spaces/darts/genotypes.py#L159 (ASHA200)"],
        "normal": [
            [("skip_connect", 1), ("dil_conv_3x3", 0)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("none", 1), ("max_pool_3x3", 0)],
            [("skip_connect", 1), ("dil_conv_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("max_pool_3x3", 1), ("avg_pool_3x3", 0)],
            [("sep_conv_5x5", 1), ("skip_connect", 2)],
            [("max_pool_3x3", 3), ("none", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
