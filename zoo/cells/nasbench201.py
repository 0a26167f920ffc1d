"""Cells of NAS-Bench-201, a benchmark that trained every cell of its space.

X. Dong and Y. Yang 2020 (arXiv 2001.00326).  Errors are test errors after 200 epochs, averaged over
the seeds of the benchmark's data (NATS-Bench, X. Dong et al. 2021, arXiv 2009.00437); parameters
and multiply-adds are those of its CIFAR-10 networks.
"""

PAPER = {
    "title": "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
    "authors": "X. Dong, Y. Yang",
    "year": 2020,
    "arxiv": "2001.00326",
    "venue": "ICLR 2020",
}

DATA = "NATS-tss-v1_0-3ffb9, hp=200"
TIED = ("Two cells have the same mean on CIFAR-10, 94.37 %: NB201_best_cifar10 and "
        "NB201_best_cifar10_2.")

CELLS = {
    "NB201_best_cifar10": {
        "paper": PAPER,
        "headline": True,
        "method": "best of the whole space on CIFAR-10",
        "reported": {"cifar10_error": 5.63, "cifar100_error": 26.78},
        "notes": [TIED],
        "sources": [DATA],
        "edges": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
                 "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    },
    "NB201_best_cifar10_2": {
        "paper": PAPER,
        "method": "best of the whole space on CIFAR-10",
        "reported": {"cifar10_error": 5.63, "cifar100_error": 26.91},
        "notes": [TIED, "It is also the best on CIFAR-10 after 12 epochs."],
        "sources": [DATA],
        "edges": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
                 "+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|",
    },
    "NB201_best_cifar100": {
        "paper": PAPER,
        "headline": True,
        "method": "best of the whole space on CIFAR-100",
        "reported": {"cifar10_error": 5.64, "cifar100_error": 26.49, "cifar10_params_M": 1.289,
                     "cifar10_madds_M": 184.73},
        "notes": [
            "DrNAS (arXiv 2006.10355) and beta-DARTS (arXiv 2203.01665) report its accuracies, "
            "94.36 and 73.51 %, for the cells they find.",
            "All 32,768 networks of NATS-Bench's size space use this cell.",
        ],
        "sources": [DATA, "arch-index 9930 of NAS-Bench-201-v1_1"],
        "edges": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
                 "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    },
    "NB201_best_imagenet16_120": {
        "paper": PAPER,
        "method": "best of the whole space on ImageNet16-120",
        "reported": {"imagenet16_120_error": 52.69},
        "notes": ["The best by validation accuracy, arch-index 10676, is another cell: "
                  "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_1x1~1|"
                  "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|."],
        "sources": [
            "automl/HPOBench:hpobench/benchmarks/nas/nasbench_201.py (index 857, 47.31 % x-test)",
            "D-X-Y/AutoDL-Projects:exps/NAS-Bench-201/main.py (the order of the indices)",
        ],
        "edges": "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|"
                 "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    },
    "NB201_ResNet": {
        "paper": PAPER,
        "headline": True,
        "method": "by hand: the residual block of ResNet",
        "reported": {"cifar10_error": 6.03, "cifar100_error": 29.14,
                     "numbers_from": ["NAS-Bench-201 Table 5: ResNet"]},
        "notes": ["The mean errors over the seeds of NATS-Bench's data are 6.09 and 29.11 %."],
        "sources": ["D-X-Y/AutoDL-Projects: ResNet_CODE"],
        "edges": "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
    },
    "NB201_DARTS": {
        "paper": PAPER,
        "method": "gradient: the result of DARTS and ENAS",
        "reported": {"cifar10_error": 45.70, "cifar100_error": 84.39,
                     "numbers_from": ["NAS-Bench-201 Table 5: DARTS-V1, DARTS-V2, ENAS"]},
        "notes": ["Skip connections only: the known collapse of DARTS. The errors in the paper's "
                  "table are those of this cell."],
        "sources": [DATA],
        "edges": "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
                 "+|skip_connect~0|skip_connect~1|skip_connect~2|",
    },
}
