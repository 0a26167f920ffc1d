"""Values read from Python's syntax tree, without evaluating anything.

Supports the expressions used in published genotypes: literals, ``range(2, 2 + 4)``,
``list(range(2, 6))``, ``np.int64(1)``, ``tensor(0.31)``, ``dict(normal=...)``, and sums of numbers
and of lists.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import cast

from zoo.genotypes.cell import GenotypeError, is_list, is_node_number

#: Maps a line and column of the expression to a position in the original text.
Place = Callable[[int, int], str]

#: Calls that stand for their only argument; the part before a dot is ignored.
_WRAPPERS = ("list", "tuple", "int", "float", "str", "str_", "array", "tensor", "OrderedDict",
             "item", *(f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in
                       (8, 16, 32, 64)))
_LONGEST_RANGE = 1000
_LARGEST = 10**6


def syntax_tree(text: str, place: Place) -> ast.expr:
    """The syntax tree of an expression.  Raises GenotypeError with the place of a syntax error."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        where = place(error.lineno or 1, error.offset or 1)
        raise GenotypeError(f"cannot be read as Genotype(...): {error.msg} at {where}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        what = "nested too deeply" if not isinstance(error, ValueError) else str(error)
        raise GenotypeError(f"cannot be read as Genotype(...): {what}") from None


def value(node: ast.expr, place: Place) -> object:
    """The value of a literal.  Raises GenotypeError for anything that needs evaluation."""
    if isinstance(node, ast.Constant) and not isinstance(node.value, (bytes, complex)):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [value(item, place) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {str(_key(key, place)): value(item, place)
                for key, item in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _minus(value(node.operand, place), node, place)
    if isinstance(node, ast.BinOp):
        return _sum(node, place)
    if isinstance(node, ast.Call):
        return _call(node, place)
    raise _refused(node, place)


def call_name(node: ast.Call) -> str:
    """The last part of a call's name: int64 for np.int64."""
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _call(node: ast.Call, place: Place) -> object:
    name = call_name(node)
    if name == "dict" and not node.args and all(keyword.arg for keyword in node.keywords):
        return {str(keyword.arg): value(keyword.value, place) for keyword in node.keywords}
    if name == "range" and not node.keywords:
        return _range([value(bound, place) for bound in node.args], node, place)
    if name not in _WRAPPERS or len(node.args) != 1:
        raise _refused(node, place)
    # In `tensor(0.31, device='cuda:0')` only the number concerns the cell.
    return value(node.args[0], place)


def _range(bounds: list[object], node: ast.Call, place: Place) -> list[int]:
    try:
        numbers = range(*cast("list[int]", bounds))
    except (TypeError, ValueError):
        raise _refused(node, place) from None
    if numbers[_LONGEST_RANGE:]:
        raise GenotypeError(f"{numbers} at {_where(node, place)} is longer than any cell")
    return list(numbers)


def _sum(node: ast.BinOp, place: Place) -> object:
    left, right = value(node.left, place), value(node.right, place)
    if isinstance(node.op, ast.Add) and is_list(left) and is_list(right):
        return [*left, *right]
    if (isinstance(left, int) and isinstance(right, int) and abs(left) < _LARGEST
            and abs(right) < _LARGEST):
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
    raise _refused(node, place)


def _minus(number: object, node: ast.expr, place: Place) -> int | float:
    if isinstance(number, float) or (isinstance(number, int) and is_node_number(number)):
        return -number
    raise _refused(node, place)


def _key(node: ast.expr | None, place: Place) -> object:
    if node is None:
        raise GenotypeError("** in a dict is not supported; write its fields out")
    return value(node, place)


def _where(node: ast.expr, place: Place) -> str:
    return place(node.lineno, node.col_offset + 1)


def _refused(node: ast.expr, place: Place) -> GenotypeError:
    text = " ".join(ast.unparse(node).split())
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return GenotypeError(f"found {text} at {_where(node, place)}; nothing is evaluated, so write "
                         "only quoted names, numbers, lists, range(a, b) and their sums")
