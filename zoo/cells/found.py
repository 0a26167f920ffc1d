"""Cells found by this project with `search run`."""

CELLS = {
    # python -m benchmarks.search_against_random --data cifar10 --path FOLDER --images 5000
    #     --seeds 0 --upto darts
    "FOUND_1": {
        "source": "search run (DARTS, first order, 3 epochs on 5,000 images of CIFAR-10, seed 0)",
        "method": "gradient, first-order bilevel",
        "headline": True,
        "normal": [
            [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
            [("sep_conv_5x5", 0), ("dil_conv_5x5", 2)],
            [("dil_conv_3x3", 0), ("dil_conv_5x5", 2)],
            [("max_pool_3x3", 4), ("sep_conv_5x5", 2)],
        ],
        "normal_concat": [2, 3, 4, 5],
        "reduce": [
            [("dil_conv_5x5", 1), ("sep_conv_3x3", 0)],
            [("sep_conv_3x3", 0), ("sep_conv_5x5", 2)],
            [("sep_conv_3x3", 3), ("sep_conv_3x3", 0)],
            [("dil_conv_3x3", 4), ("dil_conv_3x3", 2)],
        ],
        "reduce_concat": [2, 3, 4, 5],
    },
}
