"""Generates text with a trained language model, token by token.

The browser page uses the same algorithm: up to float32 rounding, the same prompt and seed give the
same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from zoo.data.text import END_OF_LINE
from zoo.models.recurrent import LanguageModel
from zoo.weights.numbers import check_output


def generate(source: LanguageModel | Path | str, prompt: str = "", count: int = 500,
             temperature: float = 0.8, seed: int = 0) -> str:
    """Continue `prompt` with `count` tokens and return them as text; see `tokens`.

    Examples:
        >>> import zoo
        >>> model = zoo.create_model("DARTS_V2_RNN", "language", weights="shakespeare")
        >>> len(zoo.generate(model, "ROMEO:", count=20))  # a model of characters
        20
    """
    return "".join(tokens(source, prompt, count, temperature, seed))


def tokens(source: LanguageModel | Path | str, prompt: str = "", count: int = 500,
           temperature: float = 0.8, seed: int = 0,
           device: torch.device | str = "cpu") -> Iterator[str]:
    """Yield `count` tokens that continue `prompt`, as text to append.

    `source` is an artifact's folder or its address on the Hugging Face Hub, or a model of
    `create_model` with trained weights.  The prompt is read from the zero state; an empty prompt
    stands for the end of a line.  `temperature` 0 takes the most probable token, the first in a
    tie; otherwise tokens are sampled.
    Raises ValueError for a model without a vocabulary, a prompt with an unknown token, and a
    negative count or temperature.
    """
    model, vocabulary, unit = _opened(source)
    if count < 0 or not 0 <= temperature < float("inf"):
        raise ValueError("count and temperature must be at least 0 and finite, not "
                         f"{count} and {temperature}")
    ids = read(prompt, vocabulary, unit)
    pieces = _generated(model.to(device).eval(), vocabulary, unit, ids, count, temperature,
                        mulberry32(seed))
    separated = not prompt or prompt[-1].isspace()
    return pieces if unit == "char" or separated else _after_space(pieces)


def _after_space(pieces: Iterator[str]) -> Iterator[str]:
    first = next(pieces, None)
    if first is not None:
        yield first if first == "\n" else f" {first}"
        yield from pieces


def read(prompt: str, vocabulary: list[str], unit: str) -> list[int]:
    """The token ids of a prompt.  Raises ValueError, naming the first unknown token."""
    parts = list(prompt)
    if unit == "word":
        parts = prompt.replace("\n", f" {END_OF_LINE} ").split()
    ids = {token: number for number, token in enumerate(vocabulary)}
    for token in parts:
        if token not in ids:
            name = {"char": "character", "word": "word"}[unit]
            raise ValueError(f"the model does not know the {name} {token!r}; remove it from the "
                             "prompt")
    start = "\n" if unit == "char" else END_OF_LINE
    return [ids[token] for token in parts] or [ids.get(start, 0)]


@torch.no_grad()
def _generated(model: LanguageModel, vocabulary: list[str], unit: str, ids: list[int], count: int,
               temperature: float, random: Iterator[float]) -> Iterator[str]:
    device = model.encoder.weight.device
    state = model.initial_hidden(1)
    for token in ids[:-1]:
        _, state = model(torch.tensor([[token]], device=device), state)
    token = ids[-1]
    for _ in range(count):
        log_prob, state = model(torch.tensor([[token]], device=device), state)
        check_output(log_prob[0], "the network")
        token = choose(log_prob[0, 0].float().cpu().numpy(), temperature, random)
        text = vocabulary[token]
        yield text if unit == "char" else "\n" if text == END_OF_LINE else f"{text} "


def choose(logits: np.ndarray, temperature: float, random: Iterator[float]) -> int:
    """The most probable token at temperature 0, else a token sampled with the next number of
    `random` by the cumulative probabilities."""
    best = int(logits.argmax())
    if temperature == 0:
        return best
    weights = np.exp((logits.astype(np.float64) - float(logits[best])) / temperature)
    sums = weights.cumsum()
    return min(int(np.searchsorted(sums, next(random) * sums[-1], side="right")), len(logits) - 1)


def mulberry32(seed: int) -> Iterator[float]:
    """Random numbers in [0, 1) by the generator of the page (Tommy Ettinger 2017)."""
    state = seed & 0xFFFFFFFF
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (1 | state)) & 0xFFFFFFFF
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (61 | mixed) & 0xFFFFFFFF)) & 0xFFFFFFFF
        yield ((mixed ^ (mixed >> 14)) & 0xFFFFFFFF) / 2**32


def _opened(source: LanguageModel | Path | str) -> tuple[LanguageModel, list[str], str]:
    if isinstance(source, (str, Path)):
        from zoo.artifact.folder import read_vocabulary
        from zoo.hub.artifact import place
        from zoo.weights import load_artifact

        where = place(str(source))
        model, manifest = load_artifact(where)
        vocabulary, unit = read_vocabulary(where, manifest), manifest.input.unit
    else:
        model = source
        vocabulary = model.facts.get("vocabulary")
        unit = model.facts.get("input", {}).get("unit")
    if not isinstance(model, LanguageModel) or not vocabulary or unit is None:
        raise ValueError(f"{source if isinstance(source, (str, Path)) else 'the model'} has no "
                         "vocabulary; use a trained language model")
    return model, vocabulary, unit
