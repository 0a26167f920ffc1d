"""beta-DARTS, the cell of its repository.

P. Ye et al. 2022 (arXiv 2203.01665).
"""

PAPER = {
    "title": "beta-DARTS: Beta-Decay Regularization for Differentiable Architecture Search",
    "authors": "P. Ye, B. Li, Y. Li, T. Chen, J. Fan, W. Ouyang",
    "year": 2022,
    "arxiv": "2203.01665",
    "venue": "CVPR 2022",
}

CELLS = {
    "beta_DARTS_repo": {
        "paper": PAPER,
        "method": "gradient + beta-decay regularization",
        "notes": [
            (
                "The variable `genotype` (DARTS = genotype) of the repository, not the paper's "
                "cell: it computes to 2.57 M parameters at C=36, L=20; the paper reports "
                "3.75+-0.15 M."
            ),
        ],
        "sources": ["Sunshine-Ye/Beta-DARTS:sota/cnn/genotypes.py#L63 (genotype)"],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("skip_connect", 0), ("dil_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("dil_conv_3x3", 3), ("skip_connect", 0)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("skip_connect", 1), ("max_pool_3x3", 0)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 2)],
            [("max_pool_3x3", 0), ("skip_connect", 2)],
            [("skip_connect", 2), ("dil_conv_3x3", 4)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
