"""The card of a language model that is shipped: what it has read, and how well it predicts."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.language_loss import measures
from zoo.lstm import MEASURED
from zoo.manifest import Manifest
from zoo.recurrent import LanguageModel
from zoo.text import TextData, named_text
from zoo.weights import WeightsError

#: Licence of the shipped weights by the text that they learned from.
LICENCES = {
    "shakespeare": "Apache-2.0; learned from the plays of William Shakespeare, public domain",
    "wikitext2": "Apache-2.0; learned from WikiText-2, S. Merity et al. 2016, articles of "
                 "Wikipedia, CC BY-SA 3.0 and GFDL",
}


def read(manifest: Manifest, vocabulary: list[str], where: str | None, path: Path | None
         ) -> TextData:
    """The text that the model learned from.  Raises WeightsError when it is another."""
    text = named_text(where or manifest.input.data, path, manifest.input.unit)
    if text.vocabulary != vocabulary:
        raise WeightsError(f"{where or path} is not the text that {manifest.name} learned from")
    return text


def card(model: LanguageModel, manifest: Manifest, text: TextData, lstm: Path | None) -> dict:
    """What the card says of a language model only; `lstm` is the run folder of `zoo.lstm`."""
    data = manifest.input.data
    found = {**measures(model, text, manifest.metrics.get("test_columns", 10)),
             "tokens": len(text.test), "unit": text.by, "vocabulary": text.vocabulary}
    if lstm is not None:
        measured = json.loads((lstm / MEASURED).read_text(encoding="utf-8"))
        if measured["data"] != data:
            raise WeightsError(f"{lstm} is an LSTM of {measured['data']}, not of {data}")
        found["lstm_perplexity"] = measured["test_perplexity"]
        found["lstm_parameters"] = measured["parameters"]
    return found
