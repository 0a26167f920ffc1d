"""Generates text with a trained language model, token by token, with the state carried on.

The page of the browser demo does the same, so that the same prompt and seed give the same text
as far as float32 allows.
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
    """`count` tokens that follow `prompt`, as text; see `tokens`.

    Examples:
        >>> import zoo
        >>> model = zoo.create_model("DARTS_V2_RNN", "language", weights="shakespeare")
        >>> len(zoo.generate(model, "ROMEO:", count=20))  # characters, as it was trained on
        20
    """
    return "".join(tokens(source, prompt, count, temperature, seed))


def tokens(source: LanguageModel | Path | str, prompt: str = "", count: int = 500,
           temperature: float = 0.8, seed: int = 0,
           device: torch.device | str = "cpu") -> Iterator[str]:
    """`count` tokens that follow `prompt`, each as it is written behind the text so far.

    `source` is the folder of an artifact, or a model that `create_model` filled with trained
    weights.  The prompt is read from the zero state; an empty one is the end of a line.  At
    `temperature` 0 the most probable token is taken, the first of equals; above, one is sampled.
    Raises ValueError for a model without a vocabulary, a prompt with a token that is not in it,
    and a count or a temperature below 0.
    """
    model, vocabulary, unit = _opened(source)
    if count < 0 or not 0 <= temperature < float("inf"):
        raise ValueError(f"count and temperature cannot be below 0: {count}, {temperature}")
    ids = read(prompt, vocabulary, unit)
    written = _written(model.to(device).eval(), vocabulary, unit, ids, count, temperature,
                       mulberry32(seed))
    ends = not prompt or prompt[-1].isspace()
    return written if unit == "char" or ends else _after_blank(written)


def _after_blank(pieces: Iterator[str]) -> Iterator[str]:
    first = next(pieces, None)
    if first is not None:
        yield first if first == "\n" else f" {first}"
        yield from pieces


def read(prompt: str, vocabulary: list[str], unit: str) -> list[int]:
    """The prompt's token ids.  Raises ValueError naming the first that is not known."""
    found = list(prompt)
    if unit == "word":
        found = prompt.replace("\n", f" {END_OF_LINE} ").split()
    numbers = {token: number for number, token in enumerate(vocabulary)}
    for token in found:
        if token not in numbers:
            name = {"char": "character", "word": "word"}[unit]
            raise ValueError(f"the model does not know the {name} {token!r}; leave it out of the "
                             "prompt")
    start = "\n" if unit == "char" else END_OF_LINE
    return [numbers[token] for token in found] or [numbers.get(start, 0)]


@torch.no_grad()
def _written(model: LanguageModel, vocabulary: list[str], unit: str, ids: list[int], count: int,
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
    """The most probable token at temperature 0, else the one where the running sum of probabilities
    passes the next number of `random`."""
    best = int(logits.argmax())
    if temperature == 0:
        return best
    weights = np.exp((logits.astype(np.float64) - float(logits[best])) / temperature)
    sums = weights.cumsum()
    return min(int(np.searchsorted(sums, next(random) * sums[-1], side="right")), len(logits) - 1)


def mulberry32(seed: int) -> Iterator[float]:
    """Numbers in [0, 1): the generator of the page (Tommy Ettinger 2017)."""
    state = seed & 0xFFFFFFFF
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (1 | state)) & 0xFFFFFFFF
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (61 | mixed) & 0xFFFFFFFF)) & 0xFFFFFFFF
        yield ((mixed ^ (mixed >> 14)) & 0xFFFFFFFF) / 2**32


def _opened(source: LanguageModel | Path | str) -> tuple[LanguageModel, list[str], str]:
    if isinstance(source, (str, Path)):
        from zoo.artifact.folder import read_vocabulary
        from zoo.weights import load_artifact

        model, manifest = load_artifact(source)
        vocabulary, unit = read_vocabulary(source, manifest), manifest.input.unit
    else:
        model = source
        vocabulary = model.facts.get("vocabulary")
        unit = model.facts.get("input", {}).get("unit")
    if not isinstance(model, LanguageModel) or not vocabulary or unit is None:
        raise ValueError(f"{source if isinstance(source, (str, Path)) else 'the model'} has no "
                         "vocabulary; take a trained language model")
    return model, vocabulary, unit
