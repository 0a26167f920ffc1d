"""Trains an LSTM with the same recipe and number of parameters, the baseline for recurrent cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo.artifact.folder import json_bytes
from zoo.data.text import TextData
from zoo.models.lstm import LSTMModel, hidden_for, parameters
from zoo.recipes.language import LanguageRecipe
from zoo.runs.run_lock import at_work
from zoo.system import distributed
from zoo.system.device import pick_device
from zoo.system.files import write_whole
from zoo.training.language_modeling import fit, run_config

MEASURED = "measured.json"


def train(target: int, data: TextData, recipe: LanguageRecipe, folder: Path | str,
          *, seed: int = 0, device: str = "auto", precision: str = "auto",
          **options: Any) -> dict[str, Any]:
    """Train an LSTM of about `target` parameters by `recipe`, except for its hidden size.

    Returns the metrics, which are also written to measured.json in the run's folder; a finished
    run is evaluated again.  `options` and errors are those of
    `zoo.training.language_modeling.fit`.
    """
    folder = Path(folder)
    hidden = hidden_for(target, data.vocabulary_size)
    recipe = recipe.but(hidden=hidden)
    config = {"cell": "LSTM"} | run_config(data, recipe, seed, device, precision)
    with distributed.group(pick_device(device)), at_work(folder):
        _, facts = fit(lambda: LSTMModel(data.vocabulary_size, hidden, **recipe.dropouts()), data,
                       recipe, folder, config, seed=seed, device=device, **options)
    facts |= {"hidden": hidden, "parameters": parameters(data.vocabulary_size, hidden)}
    if distributed.rank() == 0:
        write_whole(folder / MEASURED, json_bytes(facts))
    return facts
