"""LSTM, GRU and RNN, one step after the other.

A loop would be smaller, but TF.js runs one only asynchronously, and TFLite not on every backend;
so the steps are written out, which needs a number of them that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Value

#: Steps that are written out at most: about ten nodes each.
_MOST_STEPS = 512

_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu, "tanh": tf.tanh, "sigmoid": tf.sigmoid, "softsign": tf.nn.softsign,
    "softplus": tf.nn.softplus, "elu": tf.nn.elu,
}

State = tuple[tf.Tensor, ...]
Step = Callable[[tf.Tensor, State], State]
#: Of a direction: its step, and what the input adds to the gates of all steps.
Cell = Callable[[int], tuple[Step, Callable[[Value], tf.Tensor]]]


def _activations(node: Node, default: Sequence[str], direction: int
                 ) -> list[Callable[[tf.Tensor], tf.Tensor]]:
    given = [name.decode().lower() for name in node.get("activations") or []]
    names = given[direction * len(default):(direction + 1) * len(default)] or list(default)
    for name in names:
        if name not in _ACTIVATIONS:
            raise node.refuse(f"activation {name}")
    if node.get("activation_alpha") or node.get("activation_beta"):
        raise node.refuse("activations with parameters of their own")
    bound = node.get("clip")
    if not bound:
        return [_ACTIVATIONS[name] for name in names]
    return [lambda x, f=_ACTIVATIONS[name]: f(tf.clip_by_value(x, -bound, bound))
            for name in names]


def _run(node: Node, inputs: Inputs, states: int, cell: Cell) -> list[Value]:
    """All directions and steps; the outputs, and the last of the `states`."""
    x = inputs[0]
    lengths = inputs[4] if len(inputs) > 4 else None
    batch_first = node.get("layout", 0)
    if batch_first:
        x = Value(x.logical(), (1, 0, 2))
    steps = x.shape[0]
    if steps is None or steps > _MOST_STEPS:
        raise node.refuse(f"{steps or 'an open number of'} steps; up to {_MOST_STEPS} are "
                          "written out")
    if lengths is not None and (lengths.array != steps).any():
        raise node.refuse("sequences of several lengths in one batch")
    hidden = node.get("hidden_size")
    kind = node.get("direction", "forward")
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[kind]
    every, last = [], []
    for place, backwards in enumerate(directions):
        step, given = cell(place)
        state = tuple(_start(inputs, 5 + number, place, x, hidden, batch_first)
                      for number in range(states))
        parts = tf.unstack(given(x), axis=0)
        outputs = []
        for part in reversed(parts) if backwards else parts:
            state = step(part, state)
            outputs.append(state[0])
        every.append(tf.stack(outputs[::-1] if backwards else outputs, 0))
        last.append(state)
    if batch_first:
        found = [Value(tf.stack(every, 2), (1, 0, 2, 3))]
        found += [Value(tf.stack([state[n] for state in last], 1)) for n in range(states)]
    else:
        found = [Value(tf.stack(every, 1)) if len(every) > 1 else
                 Value(tf.expand_dims(every[0], 1))]
        found += [Value(tf.stack([state[n] for state in last], 0)) for n in range(states)]
    return found


def _start(inputs: Inputs, place: int, direction: int, x: Value, hidden: int, batch_first: int
           ) -> tf.Tensor:
    """The first state (batch, hidden): as given, or zeros."""
    if len(inputs) > place and inputs[place] is not None:
        given = inputs[place]
        state = given.logical()
        state = state[:, direction] if batch_first else state[direction]
        if given.constant is None or x.shape[1] == state.shape[0]:
            return state
    if x.shape[1] is not None:
        return tf.zeros([x.shape[1], hidden])
    # Zeros for as many as the batch has.
    return tf.zeros([1, hidden]) * tf.reduce_sum(x.logical()[0] * 0.0, -1, keepdims=True)


def _of(inputs: Inputs, place: int, direction: int, shape: Sequence[int]) -> Any:
    """The weights of a direction; zeros where they are left out."""
    if len(inputs) <= place or inputs[place] is None:
        return np.zeros(shape, np.float32)
    value = inputs[place]
    if value.constant is not None:
        return np.asarray(value.array[direction], np.float32)
    return value.logical()[direction]


def _turned(matrix: Any) -> Any:
    return matrix.T if isinstance(matrix, np.ndarray) else tf.transpose(matrix)


def _projected(weight: Any, bias: Any) -> Callable[[Value], tf.Tensor]:
    """What the input adds to the gates, of all steps in one product: (steps, batch, gates)."""
    def project(x: Value) -> tf.Tensor:
        steps, batch, features = x.shape
        tensor = x.logical()
        flat = tf.reshape(tensor, [-1, features])
        product = tf.nn.bias_add(tf.matmul(flat, _turned(weight)), bias)
        return tf.reshape(product, [steps, -1 if batch is None else batch, product.shape[-1]])

    return project


@converts("LSTM", 1, 7, 14, 22, constant=(4,))
def lstm(node: Node, inputs: Inputs) -> list[Value]:
    """Gates in the order input, output, forget, cell."""
    size = node.get("hidden_size")
    if node.get("input_forget", 0):
        raise node.refuse("input_forget, gates that are coupled")

    def cell(direction: int) -> tuple[Step, Callable[[Value], tf.Tensor]]:
        f, g, h = _activations(node, ("sigmoid", "tanh", "tanh"), direction)
        weight, again = (_of(inputs, place, direction, ()) for place in (1, 2))
        bias = _of(inputs, 3, direction, (8 * size,))
        peepholes = _of(inputs, 7, direction, (3 * size,))
        peeps = len(inputs) > 7 and inputs[7] is not None
        recurrent = tf.constant(_turned(again)) if isinstance(again, np.ndarray) \
            else _turned(again)

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
        weight, again = (_of(inputs, place, direction, ()) for place in (1, 2))
        bias = _of(inputs, 3, direction, (6 * size,))
        own, other = bias[:3 * size], bias[3 * size:]
        turned = _turned(again)
        both, last = turned[:, :2 * size], turned[:, 2 * size:]
        last_bias = other[2 * size:]
        # What the state adds to the hidden gate is scaled by the reset gate, so its bias waits.
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
        weight, again = (_of(inputs, place, direction, ()) for place in (1, 2))
        bias = _of(inputs, 3, direction, (2 * size,))
        recurrent = tf.constant(_turned(again)) if isinstance(again, np.ndarray) \
            else _turned(again)

        def step(part: tf.Tensor, state: State) -> State:
            return (f(part + tf.matmul(state[0], recurrent)),)

        return step, _projected(weight, bias[:size] + bias[size:])

    return _run(node, inputs, 1, cell)
