"""Latencies of several networks from runs taken in turn on a machine whose speed varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Timed runs of a network in a turn.
IN_A_TURN = 4


def steady(times: Sequence[Sequence[float]]) -> list[float]:
    """The latency of each network from its runs, `IN_A_TURN` per turn: the median, without the
    slower and faster turns of all networks.

    Log times are a network plus a turn, fitted by median polish (Tukey 1977, Exploratory Data
    Analysis); the result is the network in the median turn.

    Examples:
        >>> quiet, busy = [1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]
        >>> [round(ms, 6) for ms in steady([quiet + busy + quiet, quiet + busy + quiet])]
        [1.0, 1.0]
    """
    logs = np.log(np.maximum(np.asarray(times, float), 1e-6))
    turn = np.arange(logs.shape[1]) // IN_A_TURN
    speed = np.zeros(turn[-1] + 1)
    network = np.median(logs, axis=1)
    for _ in range(10):
        rest = logs - network[:, None]
        speed = np.array([np.median(rest[:, turn == index]) for index in range(len(speed))])
        network = np.median(logs - speed[turn], axis=1)
    return np.exp(network + np.median(speed)).tolist()
