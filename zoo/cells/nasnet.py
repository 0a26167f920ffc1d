"""NASNet-A, the first searched cell that transferred to ImageNet.

Zoph et al. 2018 (arXiv 1707.07012).
"""

PAPER = {
    "title": "Learning Transferable Architectures for Scalable Image Recognition",
    "authors": "Zoph, Vasudevan, Shlens, Le",
    "year": 2018,
    "arxiv": "1707.07012",
    "venue": "CVPR 2018",
}

CELLS = {
    "NASNet_A": {
        "paper": PAPER,
        "aliases": ["NASNet"],
        "headline": True,
        "method": "RL (PPO controller)",
        "reported": {
            "cifar10_error": 2.65, "cifar10_params_M": 3.3, "cifar10_error_darts_protocol": 2.83,
            "cifar10_params_M_darts_protocol": 3.1, "imagenet_top1_error": 26.0,
            "imagenet_top5_error": 8.4, "imagenet_params_M": 5.3, "imagenet_madds_M": 564,
            "search_cost_gpu_days": 2000,
            "numbers_from": ["DARTS paper Table 1", "DARTS paper Table 3"],
            "note": "P-DARTS, PC-DARTS and SNAS tables print 1800 GPU-days instead of 2000",
        },
        "notes": [
            (
                "The normal concat differs from Google's code: here it is [2..6]; "
                "NasNetANormalCell.used_hiddenstates=[1,0,0,0,0,0,0] of tensorflow/models "
                "nasnet_utils.py (state 1 = cell k-2, unused), timm and Cadene's nasnet.py also "
                "concatenate cell k-2, that is [0,2,3,4,5,6] here."
            ),
            (
                "The reduction concat differs from Google's code: here it is [4,5,6]; Google's "
                "used_hiddenstates=[1,1,1,0,0,0,0], timm and Cadene give [3,4,5,6] (node 3 is "
                "kept although node 5 reads it)."
            ),
            (
                "The edges agree with Google's code once inputs 0 and 1 are swapped (TensorFlow: "
                "0 = cell k-1; DARTS: 0 = cell k-2)."
            ),
            (
                "Node 5 of the normal cell has two equal edges, avg_pool_3x3 from node 0: on "
                "purpose, the sum is twice the pool."
            ),
        ],
        "sources": [
            "quark0/darts:cnn/genotypes.py#L16 (NASNet)",
            (
                "same lists in D-X-Y/AutoDL-Projects, yuhuixu1993/PC-DARTS, chenxin061/pdarts, "
                "facebookresearch/unnas, lightaime/sgas"
            ),
        ],
        "normal": [
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 0)],
            [("avg_pool_3x3", 1), ("skip_connect", 0)],
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 0)],
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
        ],
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 1), ("sep_conv_7x7", 0)],
            [("max_pool_3x3", 1), ("sep_conv_7x7", 0)],
            [("avg_pool_3x3", 1), ("sep_conv_5x5", 0)],
            [("skip_connect", 3), ("avg_pool_3x3", 2)],
            [("sep_conv_3x3", 2), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [4, 5, 6],
    },
    "NASNet_A_google": {
        "paper": PAPER,
        "method": "RL (PPO controller)",
        "reported": {
            "numbers_from": [],
        },
        "notes": ["The edges of NASNet_A with the concat lists of Google's code."],
        "sources": [
            (
                "tensorflow/models:research/slim/nets/nasnet/nasnet_utils.py "
                "(NasNetANormalCell/NasNetAReductionCell), indices swapped to DARTS order"
            ),
            "huggingface/pytorch-image-models:timm/models/nasnet.py (torch.cat lists agree)",
        ],
        "normal": [
            [("sep_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_5x5", 0), ("sep_conv_3x3", 0)],
            [("avg_pool_3x3", 1), ("skip_connect", 0)],
            [("avg_pool_3x3", 0), ("avg_pool_3x3", 0)],
            [("sep_conv_3x3", 1), ("skip_connect", 1)],
        ],
        "normal_concat": [0, 2, 3, 4, 5, 6],
        "reduce": [
            [("sep_conv_5x5", 1), ("sep_conv_7x7", 0)],
            [("max_pool_3x3", 1), ("sep_conv_7x7", 0)],
            [("avg_pool_3x3", 1), ("sep_conv_5x5", 0)],
            [("skip_connect", 3), ("avg_pool_3x3", 2)],
            [("sep_conv_3x3", 2), ("max_pool_3x3", 1)],
        ],
        "reduce_concat": [3, 4, 5, 6],
    },
}
