"""A search on a Ray cluster of two nodes against the same search alone: bytes and seconds.

    python -m benchmarks.ray_cluster nas-bench-201.csv

The nodes are on this machine, with one core each.  One search is against a table that you provide,
500 seeds of evolution and of random search; the other trains 32 random cells on the digits.  Both
are run by their commands, in a temporary folder.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table_search import of_a_table

#: The column of the table, and the value of `--workers`; the first is compared with.
WORKERS = {"1 process": "1", "2 processes": "2", "Ray, 2 nodes": "ray"}


def main() -> None:
    options = of_a_table(__doc__)
    options.add_argument("--strategy", default="evolution", help="of the search against the table")
    options.add_argument("--candidates", type=int, default=32)
    chosen = options.parse_args()
    searches = {
        f"{chosen.seeds} seeds of {chosen.strategy} on {chosen.table.name}": (
            ["--table", chosen.table.resolve(), "--strategy", chosen.strategy, "--look-at",
             chosen.look_at, "--judge-by", chosen.judge_by, "--seeds", chosen.seeds, "--budget",
             chosen.budget],
            ["seeds.jsonl", "random.jsonl", "summary.json"]),
        f"{chosen.candidates} trained candidates": (
            ["--strategy", "random", "--candidates", chosen.candidates, "--channels", 4,
             "--layers", 3, "--epochs", 2, "--device", "cpu"],
            ["history.jsonl", "genotype.json"]),
    }
    # Of the cluster and of what connects to it.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
                   "RAY_worker_niceness": "0"}  # as the processes it is compared with
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.WARNING)
    node = {"num_cpus": 1, "object_store_memory": 200_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(wait=True, **node)
    address = str(cluster.address)
    print(f"| search | {' | '.join(f'{name}, s' for name in WORKERS)} | same bytes |")
    print("|---|" + "---|" * (len(WORKERS) + 1))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number, (name, (words, files)) in enumerate(searches.items()):
                seconds: list[str] = []
                contents: list[list[bytes]] = []
                for kind, value in WORKERS.items():
                    run = Path(folder) / f"{number} {kind}"
                    began = time.perf_counter()
                    search(run, [*words, "--workers", value], address)
                    seconds.append(f"{time.perf_counter() - began:.1f}")
                    contents.append([(run / file).read_bytes() for file in files])
                same = all(content == contents[0] for content in contents)
                print(f"| {name} | {' | '.join(seconds)} | {'yes' if same else 'NO'} |",
                      flush=True)
                if not same:
                    sys.exit(1)
    finally:
        cluster.shutdown()


def search(run: Path, words: list[object], address: str) -> None:
    """Run `search run` in the folder `run`, with the found cell in a zoo of its own."""
    environment = {**os.environ, "RAY_ADDRESS": address,
                   "GENOTYPE_ZOO_DATA": str(run.with_suffix(".zoo"))}
    done = subprocess.run([sys.executable, "-m", "search", "run", *map(str, words), "-o", str(run)],
                          env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
