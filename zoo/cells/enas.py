"""ENAS: cells found by a controller over shared weights, convolutional and recurrent.

Pham et al. 2018 (arXiv 1802.03268).
"""

PAPER = {
    "title": "Efficient Neural Architecture Search via Parameter Sharing",
    "authors": "Pham, Guan, Zoph, Le, Dean",
    "year": 2018,
    "arxiv": "1802.03268",
    "venue": "ICML 2018",
}

METHOD = "RL + weight sharing"

CELLS = {
    "ENAS_micro_paper": {
        "paper": PAPER,
        "aliases": ["ENASNet"],
        "headline": True,
        "method": METHOD,
        "reported": {
            "numbers_from": ["FairDARTS comment: 627M MAdds, 4.02M params"],
        },
        "notes": [
            (
                "antoyang/NAS-Benchmark:NSGANET/models/micro_genotypes.py (ENAS) differs: the "
                "second edge of the fourth normal node is avg_pool_3x3 from 0 instead of 1, the "
                "order of the reduction, and a reduction concat of [2,3,6] instead of [2..6]; it "
                "is ENAS_micro_nsga here."
            ),
        ],
        "sources": [
            "xiaomi-automl/FairDARTS:fairdarts/genotypes.py#L80 (ENASNet)",
            (
                "D-X-Y/AutoDL-Projects history c72e66b:others/GDAS/lib/nas/genotypes.py (ENASNet)"
                " - identical"
            ),
        ],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
            [("sep_conv_5x5", 1), ("skip_connect", 0)],
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("sep_conv_5x5", 1), ("avg_pool_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 1), ("avg_pool_3x3", 1)],
            [("sep_conv_3x3", 1), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 1), ("sep_conv_5x5", 4)],
            [("sep_conv_3x3", 5), ("sep_conv_5x5", 0)],
        ],
        "reduce_concat": [2, 3, 4, 5, 6],
    },
    "ENAS_micro_released": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.89, "cifar10_params_M": 4.6, "search_cost_gpu_days": 0.5,
            "numbers_from": ["DARTS paper Table 1"],
            "note": "DARTS authors re-ran ENAS 8x: 2.91, 4.2M, 4 GPU-days",
        },
        "notes": [
            "Not the cell drawn in the ENAS paper: that is ENAS_micro_paper.",
            (
                "The concat holds the unused states, as in the code; it may include the inputs "
                "where they are unused."
            ),
        ],
        "sources": [
            (
                "melodyguan/enas:scripts/cifar10_micro_final.sh (child_fixed_arc), decoded with "
                "src/cifar10/micro_child.py _fixed_layer"
            ),
        ],
        "normal": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_5x5", 0)],
            [("skip_connect", 0), ("sep_conv_5x5", 1)],
            [("sep_conv_3x3", 1), ("sep_conv_5x5", 0)],
            [("avg_pool_3x3", 0), ("sep_conv_5x5", 1)],
        ],
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_3x3", 1), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("avg_pool_3x3", 0)],
            [("sep_conv_5x5", 1), ("sep_conv_5x5", 3)],
            [("sep_conv_3x3", 1), ("skip_connect", 0)],
            [("max_pool_3x3", 0), ("sep_conv_5x5", 1)],
        ],
        "reduce_concat": [2, 4, 5, 6],
    },
    "ENAS_micro_nsga": {
        "paper": PAPER,
        "method": METHOD,
        "notes": ["A transcription of ENAS_micro_paper that differs from it."],
        "sources": ["antoyang/NAS-Benchmark:NSGANET/models/micro_genotypes.py (ENAS)"],
        "normal": [
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
            [("sep_conv_5x5", 1), ("skip_connect", 0)],
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 0)],
            [("sep_conv_5x5", 1), ("avg_pool_3x3", 0)],
        ],
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 0), ("avg_pool_3x3", 1)],
            [("sep_conv_3x3", 1), ("avg_pool_3x3", 1)],
            [("avg_pool_3x3", 1), ("sep_conv_3x3", 1)],
            [("sep_conv_5x5", 4), ("avg_pool_3x3", 1)],
            [("sep_conv_3x3", 5), ("sep_conv_5x5", 0)],
        ],
        "reduce_concat": [2, 3, 6],
    },
    "ENAS_RNN": {
        "paper": PAPER,
        "headline": True,
        "method": METHOD,
        "reported": {
            "ptb_test_ppl": 63.1, "ptb_valid_ppl": 68.3, "ptb_test_ppl_darts_protocol": 58.6,
            "ptb_valid_ppl_darts_protocol": 60.8, "wt2_test_ppl": 70.4, "wt2_valid_ppl": 72.4,
            "params_M": 24, "search_cost_gpu_days": 0.5,
            "numbers_from": ["DARTS paper Tables 2, 4"],
        },
        "notes": [
            (
                "11 learned nodes (12 with the initial tanh); the concat holds the leaf nodes, "
                "averaged. The ENAS paper claims 55.8 to 56.3 PTB test perplexity, never "
                "reproduced (Li & Talwalkar 2019; carpedm20/ENAS-pytorch#47)."
            ),
        ],
        "sources": [
            "quark0/darts:rnn/genotypes.py (ENAS)",
            (
                "melodyguan/enas:scripts/ptb_final.sh fixed_arc \"0 0 0 1 1 2 1 2 0 2 0 5 1 1 0 6 "
                "1 8 1 8 1 8 1\" (isomorphic, checked)"
            ),
        ],
        "recurrent": [
            [("tanh", 0)],
            [("tanh", 1)],
            [("relu", 1)],
            [("tanh", 3)],
            [("tanh", 3)],
            [("relu", 3)],
            [("relu", 4)],
            [("relu", 7)],
            [("relu", 8)],
            [("relu", 8)],
            [("relu", 8)],
        ],
        "recurrent_concat": [2, 5, 6, 9, 10, 11],
    },
}
