"""Latencies of several networks from runs taken in turn on a machine whose speed varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Timed runs of a network in a turn.
IN_A_TURN = 4


def steady(times: Sequence[Sequence[float]]) -> list[float]:
    """The latency of each network from its runs, `IN_A_TURN` per turn: the fastest of a turn, as
    another program can only slow a run down, in the median turn.

    Log times are a network plus a turn, fitted by median polish (Tukey 1977, Exploratory Data
    Analysis), which cancels the turns in which all networks are slow.

    Examples:
        >>> quiet, busy = [1.0, 1.0, 1.5, 1.0], [2.0, 2.0, 2.0, 9.0]
        >>> [round(ms, 6) for ms in steady([quiet + busy + quiet, quiet + busy + quiet])]
        [1.0, 1.0]
    """
    runs = np.maximum(np.asarray(times, float), 1e-6)
    logs = np.log(runs.reshape(len(runs), -1, IN_A_TURN).min(axis=2))
    network = np.median(logs, axis=1)
    speed = np.zeros(logs.shape[1])
    for _ in range(10):
        speed = np.median(logs - network[:, None], axis=0)
        network = np.median(logs - speed, axis=1)
    return np.exp(network + np.median(speed)).tolist()
