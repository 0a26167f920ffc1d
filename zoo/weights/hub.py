"""Weights too large for the package: the card is shipped, the file is on the Hugging Face Hub.

Such a card has ``"hub": {"repository": "OWNER/NAME", "revision": COMMIT, "file": PATH}`` in
addition to the ``sha256`` and ``bytes`` of every card.  The revision is a commit, never a branch,
so the evaluated weights are the ones loaded; the file is stored in the hub's cache.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from zoo.checkpoints.file import WeightsError


def fetch(card: dict[str, Any], name: str) -> Path:
    """Download the file of `card`, called `name` in errors, or find it in the cache.

    Raises WeightsError if the file cannot be downloaded, the revision is not a commit, or the file
    does not match the card.
    """
    hub = card["hub"]
    if not re.fullmatch(r"[0-9a-f]{40}", hub["revision"]):
        raise WeightsError(f"the card of {name} names the revision {hub['revision']!r}, which is "
                           "not a commit and may change; write the commit's 40 digits")
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError:
        raise WeightsError(f"{name} is on the Hugging Face Hub; a download needs the package "
                           "huggingface_hub: pip install 'genotype-zoo[data]'") from None
    try:
        path = Path(hf_hub_download(hub["repository"], hub["file"], revision=hub["revision"]))
    except Exception as error:  # of the package, the HTTP client or the disk
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(f"{name} could not be downloaded from {hub['repository']} on the "
                           f"Hugging Face Hub ({reason}); check the network connection, or give "
                           "a local file with --weights") from None
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise WeightsError(f"{path} does not match the card of {name} (its sha256 differs); remove "
                           "it and try again")
    return path
