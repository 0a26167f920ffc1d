"""Whether the Hugging Face Hub responds, found out quickly: its own package retries for minutes."""

from __future__ import annotations

import os
import ssl
import threading
import urllib.error
import urllib.request

_TIMEOUT = 1.5  # seconds for a first response


def is_reachable() -> bool:
    """Whether the hub responds at all, through the proxy if one is set."""
    if "1" in (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("HF_DATASETS_OFFLINE")):
        return False
    answers: list[bool] = []
    # In a thread, because the timeout of a connection does not cover the DNS lookup.
    request = threading.Thread(target=lambda: answers.append(_answers()), daemon=True)
    request.start()
    request.join(_TIMEOUT)
    return any(answers)


def _answers() -> bool:
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_TIMEOUT)
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # the library may trust the certificate
    except (OSError, ValueError):
        return False
    return True
