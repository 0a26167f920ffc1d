"""Genotypes in the formats of other tools: NNI, NAS-Bench-301, NASLib.

A dialect is a row of `DIALECTS`: its name, a test for its values and their reader.  The first
dialect that recognizes a value reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, cast

from zoo.genotypes.cell import Cell, GenotypeError, is_list, is_node_number, is_object
from zoo.genotypes.classic import CONV_FIELDS, RECURRENT_FIELDS, Genotype, from_fields
from zoo.genotypes.conv import ConvGenotype
from zoo.genotypes.nasbench201 import NasBench201Genotype
from zoo.genotypes.serialization import from_dict
from zoo.messages.spelling import choices

#: The operations of DARTS by number, as in NASLib (search_spaces/nasbench301) and NNI.
OPERATIONS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5",
               "dil_conv_3x3", "dil_conv_5x5")
_NNI_NAMES = {**{name.replace("_", "").removesuffix("3x3") if "pool" in name else
                 name.replace("_", ""): name for name in OPERATIONS},
              "skipconnect": "skip_connect", "none": "none"}
_CELLS = ("normal", "reduce")
_NB301 = re.compile(r"(?:.*:)?(edge|inputs_node)_(normal|reduce)_(\d{1,3})")
_RETIARII = re.compile(r"(?:.*/)?(normal|reduce)/(op|input)_(\d{1,3})_(\d{1,3})")
_SWITCH = re.compile(r"(normal|reduce)_n(\d{1,3})_(?:p(\d{1,3})|switch)")
#: The operations of NAS-Bench-201 by number in naslib/search_spaces/nasbench201/conversions.py,
#: and the index in NASLib's edges (1, 2), (1, 3), (1, 4), (2, 3), ... of each edge of the text.
_NB201_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NB201_PLACES = (0, 1, 3, 2, 4, 5)


class Dialect(NamedTuple):
    """A format: its name, the test for its values, and their reader (value, notes)."""

    name: str
    knows: Callable[[object], bool]
    read: Callable[[object, list[str]], Genotype]


def read(value: object, notes: list[str]) -> Genotype:
    """The genotype in a plain value.  Raises GenotypeError, which lists the supported formats."""
    for dialect in DIALECTS:
        if dialect.knows(value):
            if dialect.name:
                notes.append(f"read as {dialect.name}")
            return dialect.read(value, notes)
    if is_object(value):
        # {"epoch": 3, "genotype": {...}}
        inner = {key: item for key, item in value.items()
                 if is_object(item) and any(dialect.knows(item) for dialect in DIALECTS)}
        if len(inner) > 1:
            raise GenotypeError(f"{len(inner)} genotypes in one object, {', '.join(inner)}; keep "
                                "only one of them in the file")
        for item in inner.values():
            return read(item, notes)
        return from_dict(value)  # its error names the missing keys
    raise GenotypeError("expected one Genotype(normal=[...], normal_concat=[...], ...), or the "
                        "format of NNI, NAS-Bench-301 or NASLib")


# --- dicts --------------------------------------------------------------------------------


def _keys(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: is_object(value) and any(pattern.fullmatch(str(key)) for key in value)


def _is_native(value: object) -> bool:
    return is_object(value) and ("kind" in value or any(
        is_object(value.get(name)) for name in (*_CELLS, "recurrent")))


def _read_native(value: object, notes: list[str]) -> Genotype:
    return from_dict(value)


def _has_fields(value: object) -> bool:
    return is_object(value) and any(
        is_list(value.get(name)) for name in (*CONV_FIELDS, "reduction", *RECURRENT_FIELDS,
                                              "level_2"))


def _read_fields(value: object, notes: list[str]) -> Genotype:
    return from_fields(value if is_object(value) else {}, notes)


def _read_nb301(value: object, notes: list[str]) -> Genotype:
    """``edge_normal_7: op`` and ``inputs_node_normal_4: 0_2``; edges are numbered across nodes
    (Zela et al. 2022, arXiv 2008.09777; nasbench301's ConfigSpace)."""
    parts = _parts(value, _NB301, notes)
    cells: list[Cell] = []
    for cell in _CELLS:
        nodes: list[list[tuple[str, int]]] = []
        for node in range(2, 6):
            inputs = parts.get(("inputs_node", cell, str(node)), "0_1" if node == 2 else None)
            if not isinstance(inputs, str) or not re.fullmatch(r"\d_\d", inputs):
                raise GenotypeError(f"NAS-Bench-301: inputs_node_{cell}_{node} is "
                                    f"{'missing' if inputs is None else repr(inputs)}; it needs "
                                    "two nodes, such as 0_1")
            first = sum(range(2, node))
            edges = [(f"edge_{cell}_{first + int(source)}", int(source))
                     for source in inputs.split("_")]
            nodes.append([(_operation(parts.get(tuple(name.split("_"))), f"NAS-Bench-301: {name}"),
                           source) for name, source in edges])
        used = {sum(range(2, number)) + source for number, edges in enumerate(nodes, start=2)
                for _, source in edges}
        given = {int(key[2]) for key in parts if key[:2] == ("edge", cell)}
        if given - used:
            raise GenotypeError(f"NAS-Bench-301: edge_{cell}_{min(given - used)} reads an input "
                                "that inputs_node does not name")
        cells.append(Cell(nodes, range(2, 6)))
    return ConvGenotype(*cells)


def _read_retiarii(value: object, notes: list[str]) -> Genotype:
    """``normal/op_2_0: op`` and ``normal/input_2_0: [0]`` (nni.nas.hub.pytorch.nasnet)."""
    parts = _parts(value, _RETIARII, notes)
    cells: dict[str, list[list[tuple[str, int]]]] = {}
    for cell in _CELLS:
        numbers = sorted({(int(key[2]), int(key[3])) for key in parts if key[0] == cell})
        last = max((node for node, _ in numbers), default=1)
        nodes: list[list[tuple[str, int]]] = []
        for node in range(2, last + 1):
            edges = [edge for number, edge in numbers if number == node]
            nodes.append([
                (_operation(parts.get((cell, "op", str(node), str(edge))),
                            f"NNI: {cell}/op_{node}_{edge}"),
                 _source(parts.get((cell, "input", str(node), str(edge))),
                         f"NNI: {cell}/input_{node}_{edge}")) for edge in edges])
            if not edges:
                raise GenotypeError(f"NNI: {cell}/op_{node}_0 is missing")
        if not nodes:
            raise GenotypeError(f"NNI: {cell}/op_2_0 is missing; both cells are needed")
        cells[cell] = nodes
    _note_concat(cells, notes)
    return ConvGenotype(*(Cell(nodes, range(2, len(nodes) + 2)) for nodes in cells.values()))


def _read_switch(value: object, notes: list[str]) -> Genotype:
    """``normal_n3_p1: op`` and ``normal_n3_switch: [normal_n3_p0, normal_n3_p1]`` (NNI 1 and 2);
    an operation may be a number or one-hot, an input a number."""
    _parts(value, _SWITCH, notes)
    parts = {key: item for key, item in (value if is_object(value) else {}).items()
             if _SWITCH.fullmatch(key)}
    cells: list[Cell] = []
    for cell in _CELLS:
        nodes: list[list[tuple[str, int]]] = []
        while (switch := f"{cell}_n{len(nodes) + 2}_switch") in parts:
            chosen = _hot(parts[switch])
            if not is_list(chosen):
                raise GenotypeError(f"NNI: {switch} must be a list of inputs, found {chosen!r}")
            prefix = switch.removesuffix("switch") + "p"
            sources = [_source(str(item).removeprefix(prefix), f"NNI: {switch}")
                       for item in chosen]
            nodes.append([(_nni_operation(parts.get(f"{prefix}{source}"), f"{prefix}{source}"),
                           source) for source in sources])
        if not nodes:
            raise GenotypeError(f"NNI: {cell}_n2_switch is missing; both cells are needed")
        cells.append(Cell(nodes, range(2, len(nodes) + 2)))
    if left := sorted(name for name in parts if int(re.findall(r"_n(\d+)", name)[0]) >
                      len(cells[_CELLS.index(name.split("_")[0])].nodes) + 1):
        raise GenotypeError(f"NNI: {left[0]} has no matching _switch entry")
    return ConvGenotype(*cells)


def _nni_operation(value: object, key: str) -> str:
    one = _hot(value)
    if is_list(one) and len(one) == 1:
        one = one[0]
    if isinstance(one, int) and is_node_number(one) and 0 <= one < len(OPERATIONS):
        return OPERATIONS[one]
    if isinstance(one, str) and one in _NNI_NAMES:
        return _NNI_NAMES[one]
    return _operation(one, f"NNI: {key}", (*_NNI_NAMES, *OPERATIONS))


def _hot(value: object) -> object:
    """The indices of the true entries in a list of booleans; any other value as it is."""
    if is_list(value) and value and all(isinstance(item, bool) for item in value):
        return [place for place, item in enumerate(value) if item]
    return value


def _note_concat(cells: dict[str, list[list[tuple[str, int]]]], notes: list[str]) -> None:
    """Note that NNI's NASNet, ENAS and AmoebaNet concatenate unused nodes only, its DARTS all."""
    for nodes in cells.values():
        if len(nodes) > 4 and any(source > 1 for edges in nodes for _, source in edges):
            notes.append("all nodes are concatenated, as in NNI's DARTS and PNAS; its NASNet, ENAS "
                         "and AmoebaNet concatenate only the nodes that no other node reads: write "
                         "such a cell as Genotype(...)")
            return


# --- tuples -------------------------------------------------------------------------------


def _is_compact(value: object) -> bool:
    return is_list(value) and len(value) == len(_CELLS) and all(
        is_list(cell) and cell and all(
            is_list(edge) and len(edge) == 2 and all(map(is_node_number, edge)) for edge in cell)
        for cell in value)


def _read_compact(value: object, notes: list[str]) -> Genotype:
    """(normal, reduce) as (input, operation number) pairs, two for each of four nodes
    (Li and Talwalkar 2019, arXiv 1902.07638, as in naslib/search_spaces/nasbench301)."""
    notes.append("operations numbered from max_pool_3x3 = 0, as in NASLib; BANANAS numbers them "
                 "from none = 0")
    cells: list[Cell] = []
    for name, cell in zip(_CELLS, value if is_list(value) else [], strict=True):
        edges: list[tuple[str, int]] = []
        for edge in cell if is_list(cell) else []:
            source, operation = cast("tuple[int, int]", edge)  # `_is_compact` checked the types
            if not 0 <= operation < len(OPERATIONS):
                raise GenotypeError(f"NASLib: {name} cell: operation {operation}; use 0 to "
                                    f"{len(OPERATIONS) - 1}, {', '.join(OPERATIONS)}")
            edges.append((OPERATIONS[operation], source))
        if len(edges) != 8:
            raise GenotypeError(f"NASLib: {name} cell: {len(edges)} edges; a cell has 8, two for "
                                "each of 4 nodes")
        cells.append(Cell([edges[i:i + 2] for i in range(0, 8, 2)], range(2, 6)))
    return ConvGenotype(*cells)


def _is_nb201(value: object) -> bool:
    return is_list(value) and len(value) == 6 and all(map(is_node_number, value))


def _read_six(value: object, notes: list[str]) -> Genotype:
    """The number of the operation on each edge, in the order of naslib's EDGE_LIST."""
    numbers = [number for number in (value if is_list(value) else []) if isinstance(number, int)]
    if wrong := [number for number in numbers if not 0 <= number < len(_NB201_OPERATIONS)]:
        raise GenotypeError(f"NASLib: operation {wrong[0]}; NAS-Bench-201 has 0 to "
                            f"{len(_NB201_OPERATIONS) - 1}, {', '.join(_NB201_OPERATIONS)}")
    return NasBench201Genotype.of(*(_NB201_OPERATIONS[numbers[place]] for place in _NB201_PLACES))


DIALECTS = (
    Dialect("", _is_native, _read_native),
    Dialect("", _has_fields, _read_fields),
    Dialect("a NAS-Bench-301 configuration", _keys(_NB301), _read_nb301),
    Dialect("NNI's cell (nni.nas.hub), all nodes concatenated", _keys(_RETIARII), _read_retiarii),
    Dialect("NNI's older form (_switch), all nodes concatenated", _keys(_SWITCH), _read_switch),
    Dialect("NASLib's compact (input, operation) tuples", _is_compact, _read_compact),
    Dialect("NASLib's six numbers of a NAS-Bench-201 cell", _is_nb201, _read_six),
)


def _parts(value: object, pattern: re.Pattern[str],
           notes: list[str]) -> dict[tuple[str, ...], object]:
    """The entries whose keys match, by the groups of `pattern`; the other keys are noted."""
    entries = value if is_object(value) else {}
    if rest := [key for key in entries if not pattern.fullmatch(key)]:
        more = f" and {len(rest) - 5} more" if len(rest) > 5 else ""
        notes.append(f"ignored: {', '.join(key[:40] for key in rest[:5])}{more}")
    return {match.groups(): item for key, item in entries.items()
            if (match := pattern.fullmatch(key))}


def _operation(value: object, where: str, among: tuple[str, ...] = OPERATIONS) -> str:
    if value is None:
        raise GenotypeError(f"{where} is missing")
    if not isinstance(value, str):
        raise GenotypeError(f"{where}: unknown operation {choices(value, among)}")
    return value  # the genotype checks the name


def _source(value: object, where: str) -> int:
    number = value[0] if is_list(value) and len(value) == 1 else value
    if isinstance(number, str) and re.fullmatch(r"\d{1,3}", number):
        number = int(number)
    if not isinstance(number, int) or not is_node_number(number):
        raise GenotypeError(f"{where} is {'missing' if value is None else repr(value)}; it must be "
                            "a node number")
    return number
