"""LSTM, GRU and RNN, unrolled over a fixed number of steps.

A loop would be smaller, but TF.js runs loops only asynchronously, and TFLite not on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value

#: Maximum number of unrolled steps, about ten nodes each.
_MOST_STEPS = 512

_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu, "tanh": tf.tanh, "sigmoid": tf.sigmoid, "softsign": tf.nn.softsign,
    "softplus": tf.nn.softplus, "elu": tf.nn.elu,
}

State = tuple[tf.Tensor, ...]
Step = Callable[[tf.Tensor, State], State]
#: From a direction to its step, and to the input's part of the gates in all steps.
Cell = Callable[[int], tuple[Step, Callable[[Value], tf.Tensor]]]


def _activations(node: Node, default: Sequence[str], direction: int
                 ) -> list[Callable[[tf.Tensor], tf.Tensor]]:
    listed = [name.decode().lower() for name in node.get("activations") or []]
    names = listed[direction * len(default):(direction + 1) * len(default)] or list(default)
    for name in names:
        if name not in _ACTIVATIONS:
            raise node.unsupported(f"activation {name}")
    if node.get("activation_alpha") or node.get("activation_beta"):
        raise node.unsupported("activations with parameters")
    bound = node.get("clip")
    if not bound:
        return [_ACTIVATIONS[name] for name in names]
    return [lambda x, f=_ACTIVATIONS[name]: f(tf.clip_by_value(x, -bound, bound))
            for name in names]


def _run(node: Node, inputs: Inputs, states: int, cell: Cell) -> list[Value]:
    """Run all directions and steps; returns the outputs and the last of the `states`."""
    x = inputs[0]
    lengths = inputs[4] if len(inputs) > 4 else None
    batch_first = node.get("layout", 0)
    if batch_first:
        x = Value(x.logical(), (1, 0, 2))
    steps = x.shape[0]
    if steps is None or steps > _MOST_STEPS:
        raise node.unsupported(f"{steps or 'an open number of'} steps; at most {_MOST_STEPS} are "
                               "unrolled")
    if lengths is not None and (lengths.array != steps).any():
        raise node.unsupported("sequences of different lengths in one batch")
    hidden = node.get("hidden_size")
    kind = node.get("direction", "forward")
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[kind]
    every, last = [], []
    for index, backwards in enumerate(directions):
        step, project = cell(index)
        state = tuple(_initial_state(node, inputs, 5 + number, index, x, hidden)
                      for number in range(states))
        parts = tf.unstack(project(x), axis=0)
        outputs = []
        for part in reversed(parts) if backwards else parts:
            state = step(part, state)
            outputs.append(state[0])
        every.append(tf.stack(outputs[::-1] if backwards else outputs, 0))
        last.append(state)
    if batch_first:
        results = [Value(tf.stack(every, 2), (1, 0, 2, 3))]
        results += [Value(tf.stack([state[n] for state in last], 1)) for n in range(states)]
    else:
        results = [Value(tf.stack(every, 1)) if len(every) > 1 else
                   Value(tf.expand_dims(every[0], 1))]
        results += [Value(tf.stack([state[n] for state in last], 0)) for n in range(states)]
    return results


def _initial_state(node: Node, inputs: Inputs, index: int, direction: int, x: Value, hidden: int
                   ) -> tf.Tensor:
    """The initial state (batch, hidden): the input at `index`, or zeros."""
    if len(inputs) > index and inputs[index] is not None:
        initial = inputs[index]
        state = initial.logical()
        state = state[:, direction] if node.get("layout", 0) else state[direction]
        if initial.constant is None or x.shape[1] == state.shape[0]:
            return state
        if initial.array.any():
            raise node.unsupported("an initial state for another batch than that of the input")
    if x.shape[1] is not None:
        return tf.zeros([x.shape[1], hidden])
    # Zeros for an open batch.
    return tf.zeros([1, hidden]) * tf.reduce_sum(x.logical()[0] * 0.0, -1, keepdims=True)


def _weights(inputs: Inputs, index: int, direction: int, shape: Sequence[int]) -> Any:
    """The weights of a direction, zeros by default."""
    if len(inputs) <= index or inputs[index] is None:
        return np.zeros(shape, np.float32)
    value = inputs[index]
    if value.constant is not None:
        return np.asarray(value.array[direction], np.float32)
    return value.logical()[direction]


def _transposed(matrix: Any) -> Any:
    return matrix.T if isinstance(matrix, np.ndarray) else tf.transpose(matrix)


def _projected(weight: Any, bias: Any) -> Callable[[Value], tf.Tensor]:
    """The input's part of the gates, in one product for all steps: (steps, batch, gates)."""
    def project(x: Value) -> tf.Tensor:
        steps, batch, features = x.shape
        tensor = x.logical()
        flat = tf.reshape(tensor, [-1, features])
        product = tf.nn.bias_add(tf.matmul(flat, _transposed(weight)), bias)
        return tf.reshape(product, [steps, -1 if batch is None else batch, product.shape[-1]])

    return project


@converts("LSTM", 1, 7, 14, 22, constant=(4,))
def lstm(node: Node, inputs: Inputs) -> list[Value]:
    """Gates in the order input, output, forget, cell."""
    size = node.get("hidden_size")
    if node.get("input_forget", 0):
        raise node.unsupported("coupled gates (input_forget)")

    def cell(direction: int) -> tuple[Step, Callable[[Value], tf.Tensor]]:
        f, g, h = _activations(node, ("sigmoid", "tanh", "tanh"), direction)
        weight, recurrence = (_weights(inputs, place, direction, ()) for place in (1, 2))
        bias = _weights(inputs, 3, direction, (8 * size,))
        peepholes = _weights(inputs, 7, direction, (3 * size,))
        peeps = len(inputs) > 7 and inputs[7] is not None
        recurrent = tf.constant(_transposed(recurrence)) if isinstance(recurrence, np.ndarray) \
            else _transposed(recurrence)

        def step(part: tf.Tensor, state: State) -> State:
            before, memory = state
            gates = part + tf.matmul(before, recurrent)
            i, o, forget, c = tf.split(gates, 4, 1)
            if peeps:
                i, forget = i + peepholes[:size] * memory, forget + peepholes[2 * size:] * memory
            memory = f(forget) * memory + f(i) * g(c)
            if peeps:
                o = o + peepholes[size:2 * size] * memory
            return f(o) * h(memory), memory

        return step, _projected(weight, bias[:4 * size] + bias[4 * size:])

    return _run(node, inputs, 2, cell)


@converts("GRU", 1, 3, 7, 14, 22, constant=(4,))
def gru(node: Node, inputs: Inputs) -> list[Value]:
    """Gates in the order update, reset, hidden."""
    size, after = node.get("hidden_size"), node.get("linear_before_reset", 0)

    def cell(direction: int) -> tuple[Step, Callable[[Value], tf.Tensor]]:
        f, g = _activations(node, ("sigmoid", "tanh"), direction)
        weight, recurrence = (_weights(inputs, place, direction, ()) for place in (1, 2))
        bias = _weights(inputs, 3, direction, (6 * size,))
        own, other = bias[:3 * size], bias[3 * size:]
        recurrent = _transposed(recurrence)
        both, last = recurrent[:, :2 * size], recurrent[:, 2 * size:]
        last_bias = other[2 * size:]
        # The reset gate scales the state's part of the hidden gate, so its bias is added later.
        first = np.concatenate([other[:2 * size], np.zeros(size, np.float32)]) \
            if isinstance(other, np.ndarray) else tf.concat([other[:2 * size], tf.zeros(size)], 0)

        def step(part: tf.Tensor, state: State) -> State:
            (before,) = state
            gates = f(part[:, :2 * size] + tf.matmul(before, both))
            update, reset = tf.split(gates, 2, 1)
            if after:
                scaled = reset * (tf.matmul(before, last) + last_bias)
            else:
                scaled = tf.matmul(reset * before, last) + last_bias
            candidate = g(part[:, 2 * size:] + scaled)
            return ((1 - update) * candidate + update * before,)

        return step, _projected(weight, own + first)

    return _run(node, inputs, 1, cell)


@converts("RNN", 1, 7, 14, 22, constant=(4,))
def rnn(node: Node, inputs: Inputs) -> list[Value]:
    size = node.get("hidden_size")

    def cell(direction: int) -> tuple[Step, Callable[[Value], tf.Tensor]]:
        (f,) = _activations(node, ("tanh",), direction)
        weight, recurrence = (_weights(inputs, place, direction, ()) for place in (1, 2))
        bias = _weights(inputs, 3, direction, (2 * size,))
        recurrent = tf.constant(_transposed(recurrence)) if isinstance(recurrence, np.ndarray) \
            else _transposed(recurrence)

        def step(part: tf.Tensor, state: State) -> State:
            return (f(part + tf.matmul(state[0], recurrent)),)

        return step, _projected(weight, bias[:size] + bias[size:])

    return _run(node, inputs, 1, cell)
