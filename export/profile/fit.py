"""From the latencies of graphs to those of operations, by least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from export.profile.design import Feature, Graph
from zoo.latency.profile import Entry, measured_operations
from zoo.latency.sizes import Sizes


def fit(graphs: Sequence[Graph], milliseconds: Mapping[str, float], sizes: Sizes
        ) -> tuple[tuple[Entry, ...], float]:
    """The entries of a profile and its `rest`, from the latency of each graph by name.

    The latency of a graph is the sum of its operations and of its part, what graphs of the same
    part share.  The sum of squared relative errors is smallest, with no latency below 0.  A skip
    connection of stride 1 in a DARTS cell is the unit of comparison: it costs nothing, and the
    addition of its node, which no such cell lacks, belongs to the rest.
    """
    features = [(name, shape) for shape in sizes.shapes()
                for name in measured_operations(sizes.kind)]
    parts = list(dict.fromkeys(graph.part for graph in graphs))
    fitted: list[Feature | str] = [
        feature for feature in features
        if not (sizes.kind == "conv" and feature[0] == "skip_connect" and feature[1].stride == 1)]
    columns = {key: index for index, key in enumerate([*fitted, *parts])}
    rows = np.zeros((len(graphs), len(columns)))
    times = np.array([milliseconds[graph.name] for graph in graphs])
    for row, graph in zip(rows, graphs):
        row[columns[graph.part]] = 1
        for feature, count in graph.features(sizes).items():
            if feature in columns:
                row[columns[feature]] = count
    solution, _ = nnls(rows / times[:, None], np.ones(len(graphs)))
    entries = tuple(Entry(operation=name, ms=float(solution[columns[name, shape]])
                          if (name, shape) in columns else 0.0, **shape._asdict())
                    for name, shape in features)
    return entries, float(solution[columns["network"]])
