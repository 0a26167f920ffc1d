"""Reads settings from a YAML file (`--config`) and from `--set name=value`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from zoo.system.encoding import EncodingError, decode


def read_config_file(path: Path) -> dict[str, Any]:
    """Read the settings of a YAML file, or of a run's config.json.

    Raises ValueError for a file that cannot be read or does not hold settings.
    """
    try:
        values = yaml.safe_load(decode(path.read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}; give a YAML file as --config") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except EncodingError as error:
        raise ValueError(f"{path} {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"{path} is not valid YAML{line}: "
                         f"{getattr(error, 'problem', None) or 'damaged'}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ValueError(f"{path} holds no settings; write one `name: value` per line")
    return values


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """The values of `--set name=value`, read as YAML.  Raises ValueError for another form."""
    values = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--set takes name=value, not {text!r}")
        try:
            values[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"--set {text}: the value is not valid YAML") from None
    return values
