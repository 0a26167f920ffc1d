"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from export.converter.node import Inputs, Node, converts
from export.converter.value import Shape, Value, as_narrow, dims, identity, reshape


@converts("Gemm", 7, 9, 11, 13)
def gemm(node: Node, inputs: Inputs) -> Value:
    a, b, *c = inputs
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    left, transpose_left = _operand(a, bool(node.get("transA", 0)))
    right, transpose_right = _operand(b, bool(node.get("transB", 0)))
    y = tf.matmul(left, right, transpose_left, transpose_right)
    y = y if alpha == 1 else y * alpha
    if not c or c[0] is None:
        return Value(y)
    if c[0].rank == 1 and beta == 1 and c[0].shape[0] == y.shape[1]:
        return Value(tf.nn.bias_add(y, c[0].logical()))
    return Value(y + (c[0].logical() if beta == 1 else c[0].logical() * beta))


def _operand(x: Value, transpose: bool) -> tuple[tf.Tensor, bool]:
    """A stored matrix, and whether the product has to transpose it; constants are transposed
    here."""
    # A constant that a Gather also reads is stored once.
    if x.constant is not None and transpose and not x.cached(identity(2)):
        return x.in_order((1, 0)), False
    if x.order == (1, 0):
        return x.as_stored(), not transpose
    return x.logical(), transpose


@converts("MatMul", 1, 9, 13)
def mat_mul(node: Node, inputs: Inputs) -> Value:
    return product(node, inputs)


def product(node: Node, inputs: Inputs) -> Value:
    """The product of stacked matrices or vectors."""
    a, b = inputs
    if a.rank == 0 or b.rank == 0:
        raise node.unsupported("a product of a scalar")
    if b.rank == 2 and b.constant is not None and a.rank > 2:
        return _by_matrix(a, b)
    if a.rank == 1 or b.rank == 1:
        return _with_vector(a, b)
    left, transpose_left = _matrices(a)
    right, transpose_right = _matrices(b)
    rank = max(a.rank, b.rank)
    left, right = _broadcast_stacks(left, right, rank)
    return Value(tf.matmul(left, right, transpose_left, transpose_right))


def _by_matrix(a: Value, b: Value) -> Value:
    """One product for all rows, which every runtime supports; rows may be in any order."""
    last = a.rank - 1
    order = (*(axis for axis in a.order if axis != last), last)
    shape = [a.shape[axis] for axis in order[:-1]]
    rows = None if None in shape else int(np.prod(shape))
    flat = tf.matmul(reshape(a.in_order(order), [rows, a.shape[last]]), b.logical())
    return Value(reshape(flat, [*shape, b.shape[1]]), order)


def _with_vector(a: Value, b: Value) -> Value:
    left = a.logical()[None] if a.rank == 1 else a.logical()
    right = b.logical()[:, None] if b.rank == 1 else b.logical()
    left, right = _broadcast_stacks(left, right, max(left.shape.rank, right.shape.rank))
    y = tf.matmul(left, right)
    dropped = ([-2] if a.rank == 1 else []) + ([-1] if b.rank == 1 else [])
    return Value(tf.squeeze(y, [axis + y.shape.rank for axis in dropped]))


def _matrices(x: Value) -> tuple[tf.Tensor, bool]:
    """Stacked matrices, and whether they are stored transposed."""
    transposed = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    last, second = x.order.index(x.rank - 1), x.order.index(x.rank - 2)
    if x.constant is None and last < second and x.cost(identity(x.rank)):
        return x.in_order(transposed), True
    return x.logical(), False


def _broadcast_stacks(left: tf.Tensor, right: tf.Tensor, rank: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Both with `rank` and broadcast: TF.js broadcasts only stacks of a single matrix."""
    both = [reshape(x, [1] * (rank - x.shape.rank) + dims(x)) for x in (left, right)]
    outer = [dims(x)[:-2] for x in both]
    if outer[0] == outer[1] or any(all(size == 1 for size in sizes) for sizes in outer):
        return both[0], both[1]
    tiled = []
    for x, own, other in zip(both, outer, reversed(outer)):
        repeats: list[Any] = [n if m == 1 and n != 1 else 1 for m, n in zip(own, other)]
        if None in repeats:
            repeats = [tf.shape(both[0] if x is both[1] else both[1])[axis] if n is None else n
                       for axis, n in enumerate(repeats)]
            tiled.append(tf.tile(x, [*repeats, 1, 1]))  # pyright: ignore[reportArgumentType]
        else:
            tiled.append(tf.tile(x, [*repeats, 1, 1]) if max(repeats) > 1 else x)
    return tiled[0], tiled[1]


@converts("Einsum", 12, 28)
def einsum(node: Node, inputs: Inputs) -> Value:
    """Einsum as matrix products and sums: not every backend of TF.js has it.

    Each letter is an axis; operands are multiplied pairwise as matrices over the letters that are
    summed.
    """
    terms, result = _equation(node, inputs)
    letters = [list(term) for term in terms]
    tensors = [_diagonal(node, x, term) for x, term in zip(inputs, letters)]
    names = [list(dict.fromkeys(term)) for term in letters]
    tensor, own = tensors[0], names[0]
    for step, (other, other_letters) in enumerate(zip(tensors[1:], names[1:]), 2):
        needed = {*result, *(letter for term in names[step:] for letter in term)}
        tensor, own = _pair(tensor, own, other, other_letters, needed)
    summed = [index for index, letter in enumerate(own) if letter not in result]
    if summed:
        tensor = tf.reduce_sum(tensor, summed)
        own = [letter for letter in own if letter in result]
    return Value(tensor, [result.index(letter) for letter in own])


def _equation(node: Node, inputs: Inputs) -> tuple[list[str], list[str]]:
    """The letters of each operand and of the result; an ellipsis becomes unused capitals."""
    equation = node.get("equation").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    spare = [letter for letter in "ZYXWVUTS" if letter not in equation]
    ranks = [x.rank - len(term.replace("...", "")) for x, term in zip(inputs, terms)
             if "..." in term]
    dots = "".join(reversed(spare[:max(ranks, default=0)]))
    own = iter(ranks)
    spelled = []
    for term in terms:
        count = next(own) if "..." in term else 0
        spelled.append(term.replace("...", dots[len(dots) - count:] if count else ""))
    if arrow:
        return spelled, list(right.replace("...", dots))
    together = "".join(spelled)
    once = sorted(letter for letter in set(together) if together.count(letter) == 1
                  and letter not in dots)
    return spelled, [*dots, *once]


def _diagonal(node: Node, x: Value, term: list[str]) -> tf.Tensor:
    if len(set(term)) == len(term):
        return x.logical()
    raise node.unsupported("a repeated letter in one operand")


def _pair(x: tf.Tensor, own: list[str], y: tf.Tensor, other_letters: list[str], needed: set[str]
          ) -> tuple[tf.Tensor, list[str]]:
    """The product of two operands, summed over shared letters that are not `needed`."""
    shared = [letter for letter in own if letter in other_letters]
    summed = [letter for letter in shared if letter not in needed]
    kept = [letter for letter in shared if letter in needed]
    rows = [letter for letter in own if letter not in shared]
    columns = [letter for letter in other_letters if letter not in shared]
    left = Value(x, range(len(own))).in_order([own.index(i) for i in kept + rows + summed])
    right = Value(y, range(len(other_letters))).in_order(
        [other_letters.index(i) for i in kept + columns + summed])
    a, b = dims(left), dims(right)
    stack, high, wide = a[:len(kept)], a[len(kept):len(kept) + len(rows)], \
        b[len(kept):len(kept) + len(columns)]
    depth = int(np.prod(a[len(kept) + len(rows):]))

    # An open batch stays open.
    def count(sizes: Shape) -> int | None:
        return None if None in sizes else int(np.prod(sizes))

    y = tf.matmul(reshape(left, [*stack, count(high), depth]),
                  reshape(right, [*stack, count(wide), depth]), transpose_b=True)
    return reshape(y, [*stack, *high, *wide]), kept + rows + columns


@converts("MatMulInteger", 10)
def mat_mul_integer(node: Node, inputs: Inputs) -> Value:
    """An integer product in float32, exact while the sums of 8-bit products fit in 24 bits."""
    a, b, *zeros = inputs
    zeros = [*zeros, None, None][:2]
    parts = []
    for x, zero, side in zip((a, b), zeros, (0, 1)):
        real = as_float(x)
        parts.append(Value(real if zero is None else real - _zero_point(zero, side)))
    return Value(tf.cast(product(node, parts).logical(), tf.int32))


def as_float(x: Value) -> tf.Tensor:
    if x.constant is not None:
        return tf.constant(as_narrow(x.array).astype(np.float32))
    return tf.cast(x.logical(), tf.float32)


def _zero_point(zero: Value, side: int) -> tf.Tensor:
    """A zero point per row of the left operand, per column of the right one."""
    value = as_float(zero)
    return value[:, None] if zero.rank == 1 and side == 0 and zero.shape[0] != 1 else value
