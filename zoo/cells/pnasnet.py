"""PNASNet-5, found by progressive search with a surrogate.

C. Liu et al. 2018 (arXiv 1712.00559).
"""

PAPER = {
    "title": "Progressive Neural Architecture Search",
    "authors": "C. Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy",
    "year": 2018,
    "arxiv": "1712.00559",
    "venue": "ECCV 2018",
}

CELLS = {
    "PNASNet_5": {
        "paper": PAPER,
        "aliases": ["PNASNet"],
        "headline": True,
        "method": "SMBO (progressive, surrogate)",
        "reported": {
            "cifar10_error": 3.41, "cifar10_error_std": 0.09, "cifar10_params_M": 3.2,
            "imagenet_top1_error": 25.8, "imagenet_top5_error": 8.1, "imagenet_params_M": 5.1,
            "imagenet_madds_M": 588, "search_cost_gpu_days": 225,
            "numbers_from": ["DARTS paper Table 1", "DARTS paper Table 3"],
            "note": "PNASNet-5_Large 331px: top-1 82.9 / top-5 96.2 (PNASNet.pytorch README)",
        },
        "notes": [
            "One type of cell: the reduction is the normal cell with stride 2.",
            "The XNAS and ROME tables print 150 GPU-days.",
        ],
        "sources": [
            "chenxi116/PNASNet.pytorch:genotypes.py#L5 (PNASNet)",
            (
                "identical in D-X-Y/AutoDL-Projects, facebookresearch/unnas; "
                "timm/models/pnasnet.py CellBase.cell_forward agrees"
            ),
        ],
        "normal": [
            [("sep_conv_5x5", 0), ("max_pool_3x3", 0)],
            [("sep_conv_7x7", 1), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 4), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
        ],
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 0), ("max_pool_3x3", 0)],
            [("sep_conv_7x7", 1), ("max_pool_3x3", 1)],
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 4), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5, 6],
    },
}
