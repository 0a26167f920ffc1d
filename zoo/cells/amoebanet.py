"""AmoebaNet: cells found by aging evolution.

Real et al. 2019 (arXiv 1802.01548).
"""

PAPER = {
    "title": "Regularized Evolution for Image Classifier Architecture Search",
    "authors": "Real, Aggarwal, Huang, Le",
    "year": 2019,
    "arxiv": "1802.01548",
    "venue": "AAAI 2019",
}

METHOD = "aging (regularized) evolution"
BOTTLENECKS = (
    "Google's code bottlenecks 1x7_7x1 and 3x3 (1x1 to C/4, convolution, 1x1 back to C); its "
    "conv_1x1 is ReLU, 1x1, batch-norm; its \"none\" is the identity."
)

CELLS = {
    "AmoebaNet_A": {
        "paper": PAPER,
        "aliases": ["AmoebaNet"],
        "headline": True,
        "method": METHOD,
        "reported": {
            "cifar10_error": 3.34, "cifar10_error_std": 0.06, "cifar10_params_M": 3.2,
            "cifar10_error_darts_protocol": 3.12, "cifar10_params_M_darts_protocol": 3.1,
            "imagenet_top1_error": 25.5, "imagenet_top5_error": 8.0, "imagenet_params_M": 5.1,
            "imagenet_madds_M": 555, "search_cost_gpu_days": 3150,
            "numbers_from": ["DARTS paper Table 1", "DARTS paper Table 3"],
            "note": "3.34 is without cutout; 3.12 = with cutout, retrained by the DARTS authors",
        },
        "notes": [
            (
                "Probably transcribed from the old figure: in "
                "github.com/tensorflow/tpu/issues/312 Google calls it \"a drawing mistake\", "
                "corrected in arXiv v7; the authoritative cell is AmoebaNet_A_google."
            ),
            (
                "Input orientation: Google's code numbers 0 = cell k-1 and 1 = cell k-2, DARTS "
                "the other way round. NASNet was swapped when it was transcribed, AmoebaNet was "
                "not: the reduction edges here equal those of AmoebaNet_A_google only after "
                "swapping 0 and 1."
            ),
            (
                "Normal cell: after the same swap the one difference left is the input of the "
                "first max_pool_3x3 (cell k-2 here, cell k-1 in Google's code)."
            ),
            (
                "The concat holds the loose ends only ([4,5,6] and [3,4,6]); Google's code "
                "concatenates cell k-2 and the loose ends in the normal cell, all five nodes in "
                "the reduction."
            ),
        ],
        "sources": [
            "quark0/darts:cnn/genotypes.py#L45 (AmoebaNet)",
            "same lists in all DARTS forks",
        ],
        "normal": [
            [("avg_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 3)],
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
            [("skip_connect", 0), ("avg_pool_3x3", 1)],
        ],
        "normal_concat": [4, 5, 6],
        "reduce": [
            [("avg_pool_3x3", 0), ("sep_conv_3x3", 1)],
            [("max_pool_3x3", 0), ("sep_conv_7x7", 2)],
            [("sep_conv_7x7", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("conv_7x1_1x7", 0), ("sep_conv_3x3", 5)],
        ],
        "reduce_concat": [3, 4, 6],
    },
    "AmoebaNet_A_google": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 3.34, "cifar10_error_std": 0.06, "cifar10_params_M": 3.2,
            "imagenet_top1_error": 25.5, "imagenet_top5_error": 8.0, "imagenet_params_M": 5.1,
            "imagenet_madds_M": 555, "search_cost_gpu_days": 3150,
            "numbers_from": ["DARTS paper Table 1", "DARTS paper Table 3"],
        },
        "notes": [BOTTLENECKS],
        "sources": [
            (
                "tensorflow/tpu:models/official/amoeba_net/model_specs.py (amoeba_net_a), decoded"
                " with network_utils.BaseCell; indices swapped to DARTS order (0=prev_prev)"
            ),
        ],
        "normal": [
            [("avg_pool_3x3", 1), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 0), ("skip_connect", 0)],
            [("skip_connect", 1), ("avg_pool_3x3", 0)],
            [("sep_conv_3x3", 1), ("sep_conv_5x5", 2)],
            [("avg_pool_3x3", 5), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [0, 3, 4, 6],
        "reduce": [
            [("sep_conv_3x3", 0), ("avg_pool_3x3", 1)],
            [("max_pool_3x3", 1), ("sep_conv_7x7", 2)],
            [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
            [("sep_conv_3x3", 4), ("conv_7x1_1x7", 1)],
            [("avg_pool_3x3", 0), ("sep_conv_7x7", 1)],
        ],
        "reduce_concat": [2, 3, 4, 5, 6],
    },
    "AmoebaNet_B_google": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "cifar10_error": 2.55, "cifar10_error_std": 0.05, "cifar10_params_M": 2.8,
            "imagenet_top1_error": 26.0, "imagenet_top5_error": 8.5, "imagenet_params_M": 5.3,
            "imagenet_madds_M": 555,
            "note": "2.55 with cutout",
            "search_cost_gpu_days": 3150,
            "numbers_from": ["DARTS paper Table 1", "DARTS paper Table 3"],
        },
        "notes": [
            BOTTLENECKS,
            "Needs dil_sep_conv_5x5 (separable, applied twice, dilated) and max_pool_2x2.",
        ],
        "sources": [
            (
                "tensorflow/tpu:models/official/amoeba_net/model_specs.py (amoeba_net_b), decoded"
                " with network_utils.BaseCell; indices swapped to DARTS order (0=prev_prev)"
            ),
        ],
        "normal": [
            [("conv_1x1", 0), ("max_pool_3x3", 0)],
            [("skip_connect", 0), ("sep_conv_3x3", 1)],
            [("conv_1x1", 0), ("sep_conv_3x3", 1)],
            [("conv_1x1", 2), ("skip_connect", 2)],
            [("avg_pool_3x3", 0), ("conv_1x1", 5)],
        ],
        "normal_concat": [1, 3, 4, 6],
        "reduce": [
            [("max_pool_2x2", 1), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("conv_3x3", 0)],
            [("dil_sep_conv_5x5", 2), ("max_pool_3x3", 2)],
            [("skip_connect", 3), ("sep_conv_3x3", 0)],
            [("avg_pool_3x3", 4), ("conv_1x1", 3)],
        ],
        "reduce_concat": [5, 6],
    },
    "AmoebaNet_C_google": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "imagenet_top1_error": 24.3, "imagenet_top5_error": 7.6, "imagenet_params_M": 6.4,
            "imagenet_madds_M": 570, "search_cost_gpu_days": 3150,
            "numbers_from": ["DARTS paper Table 3"],
        },
        "notes": [BOTTLENECKS],
        "sources": [
            (
                "tensorflow/tpu:models/official/amoeba_net/model_specs.py (amoeba_net_c), decoded"
                " with network_utils.BaseCell; indices swapped to DARTS order (0=prev_prev)"
            ),
        ],
        "normal": [
            [("avg_pool_3x3", 1), ("sep_conv_3x3", 1)],
            [("skip_connect", 1), ("sep_conv_3x3", 1)],
            [("avg_pool_3x3", 2), ("sep_conv_3x3", 0)],
            [("skip_connect", 1), ("sep_conv_3x3", 0)],
            [("avg_pool_3x3", 3), ("sep_conv_3x3", 1)],
        ],
        "normal_concat": [0, 2, 4, 5, 6],
        "reduce": [
            [("max_pool_3x3", 1), ("max_pool_3x3", 1)],
            [("sep_conv_7x7", 2), ("sep_conv_3x3", 1)],
            [("sep_conv_7x7", 1), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 4), ("sep_conv_5x5", 4)],
            [("max_pool_3x3", 0), ("sep_conv_3x3", 0)],
        ],
        "reduce_concat": [1, 2, 3, 4, 5, 6],
    },
    "AmoebaNet_D_google": {
        "paper": PAPER,
        "method": METHOD,
        "reported": {
            "note": (
                "not in the paper; tensorflow/tpu README: top-1 accuracy \"above 80%\" on ImageNet "
                "at large size; DAWNBench-style 93% top-5 recipe"
            ),
            "search_cost_gpu_days": 3150,
            "numbers_from": ["tensorflow/tpu models/official/amoeba_net/README.md"],
        },
        "notes": [BOTTLENECKS],
        "sources": [
            (
                "tensorflow/tpu:models/official/amoeba_net/model_specs.py (amoeba_net_d), decoded"
                " with network_utils.BaseCell; indices swapped to DARTS order (0=prev_prev)"
            ),
        ],
        "normal": [
            [("conv_1x1", 0), ("max_pool_3x3", 0)],
            [("skip_connect", 0), ("conv_7x1_1x7", 1)],
            [("conv_1x1", 1), ("conv_7x1_1x7", 1)],
            [("max_pool_3x3", 2), ("skip_connect", 2)],
            [("avg_pool_3x3", 0), ("conv_1x1", 5)],
        ],
        "normal_concat": [1, 3, 4, 6],
        "reduce": [
            [("max_pool_2x2", 1), ("max_pool_3x3", 1)],
            [("skip_connect", 2), ("conv_3x3", 0)],
            [("conv_7x1_1x7", 2), ("max_pool_3x3", 2)],
            [("skip_connect", 3), ("max_pool_2x2", 0)],
            [("avg_pool_3x3", 2), ("conv_1x1", 3)],
        ],
        "reduce_concat": [4, 5, 6],
    },
}
