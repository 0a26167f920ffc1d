"""GDAS and SETN.

X. Dong and Y. Yang 2019 (arXiv 1910.04465); X. Dong and Y. Yang 2019 (arXiv 1910.05733).
"""

PAPER = {
    "title": "Searching for A Robust Neural Architecture in Four GPU Hours",
    "authors": "X. Dong, Y. Yang",
    "year": 2019,
    "arxiv": "1910.04465",
    "venue": "CVPR 2019",
}

SETN_PAPER = {
    "title": "One-Shot Neural Architecture Search via Self-Evaluated Template Network",
    "authors": "X. Dong, Y. Yang",
    "year": 2019,
    "arxiv": "1910.05733",
    "venue": "ICCV 2019",
}

CELLS = {
    "GDAS_V1": {
        "paper": PAPER,
        "headline": True,
        "method": "gradient, Gumbel-softmax single path",
        "reported": {
            "cifar10_error": 2.93, "cifar10_params_M": 3.4, "cifar100_error": 18.38,
            "search_cost_gpu_days": 0.3,
            "numbers_from": ["NASI Table 1 (7.2 GPU-hours)", "ROME Table 2 (0.2)"],
        },
        "notes": [
            (
                "The copy in xiaomi-automl/FairDARTS differs in the last reduction edge: "
                "sep_conv_5x5 from 2 instead of 1."
            ),
        ],
        "sources": [
            "D-X-Y/AutoDL-Projects:xautodl/nas_infer_model/DXYs/genotypes.py#L144 (GDAS_V1)",
            "history c72e66b:others/GDAS/lib/nas/genotypes.py agrees",
        ],
        "normal": [
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 3), ("skip_connect", 0)],
            [("sep_conv_5x5", 4), ("sep_conv_3x3", 3)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 2), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "GDAS_F1": {
        "paper": PAPER,
        "aliases": ["GDAS_FRC"],
        "method": "gradient, Gumbel-softmax, fixed reduction cell",
        "reported": {
            "cifar10_error": 2.82, "search_cost_gpu_days": 0.17,
            "numbers_from": ["ZiCo Table 10 (error, cost)"],
        },
        "notes": [
            (
                "GDAS (FRC): the source has reduce=None. The reduction here is the fixed, "
                "hand-designed reduction cell of the released code (GDAS_Reduction_Cell in "
                "cell_operations.py), written as operations; it is not a published genotype."
            ),
            "Five skip connections in the normal cell: ROME calls it collapse.",
        ],
        "sources": [
            "D-X-Y/AutoDL-Projects history c72e66b:others/GDAS/lib/nas/genotypes.py (GDAS_F1)",
        ],
        "normal": [
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("grouped_conv_1x3_3x1", 0)],
            [("grouped_conv_1x3_3x1", 1)],
            [("max_pool_3x3_bn", 0)],
            [("max_pool_3x3_bn", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "GDAS_FG": {
        "paper": PAPER,
        "method": "gradient, Gumbel-softmax",
        "notes": ["The normal cell of GDAS_F1 and the reduction of GDAS_V1."],
        "sources": [
            "D-X-Y/AutoDL-Projects history c72e66b:others/GDAS/lib/nas/genotypes.py (GDAS_FG)",
        ],
        "normal": [
            [("skip_connect", 0), ("skip_connect", 1)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
            [("skip_connect", 0), ("sep_conv_3x3", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 2), ("sep_conv_5x5", 1)],
            [("dil_conv_5x5", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
    "GDAS_RNN": {
        "paper": PAPER,
        "method": "gradient, Gumbel-softmax",
        "notes": ["Removed from the repository's head in December 2019; only in its git history."],
        "sources": [
            (
                "D-X-Y/AutoDL-Projects history c72e66b and "
                "cfb462e:others/GDAS/lib/nas_rnn/genotypes.py (GDAS)"
            ),
        ],
        "recurrent": [
            [("relu", 0)],
            [("relu", 0)],
            [("identity", 1)],
            [("relu", 1)],
            [("tanh", 0)],
            [("relu", 2)],
            [("identity", 4)],
            [("identity", 2)],
        ],
        "recurrent_concat": [1, 2, 3, 4, 5, 6, 7, 8],
    },
    "SETN": {
        "paper": SETN_PAPER,
        "headline": True,
        "method": "stochastic supernet + template evaluator",
        "notes": ["Needs conv_3x1_1x3."],
        "sources": ["D-X-Y/AutoDL-Projects:xautodl/nas_infer_model/DXYs/genotypes.py#L126 (SETN)"],
        "normal": [
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 3)],
            [("max_pool_3x3", 1), ("conv_3x1_1x3", 4)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
            [("avg_pool_3x3", 0), ("skip_connect", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
