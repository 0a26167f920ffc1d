"""Failures of the Hugging Face Hub in one line with the remedy, without the token.

The exceptions of huggingface_hub are about its own code, and those of its HTTP client depend on its
release; so they are told apart by HTTP status and by the name of their class.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_NEW_TOKEN = ("create a token at https://huggingface.co/settings/tokens and log in with "
              "`hf auth login`, or set HF_TOKEN")
INSTALL = "pip install 'genotype-zoo[data]'"


class HubError(ValueError):
    """The hub cannot be used, or refuses a request; the message names the repository."""


def package() -> Any:
    """The package huggingface_hub, without its logs and progress bars.

    Raises HubError if it is not installed.
    """
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars
    except ModuleNotFoundError:
        raise HubError("the Hugging Face Hub needs the package huggingface_hub, which is not "
                       f"installed: {INSTALL}") from None
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it logs every retry
    if "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ:
        disable_progress_bars()
    return huggingface_hub


def endpoint() -> str | None:
    """The hub to use instead of huggingface.co, read at each call."""
    return os.environ.get("HF_ENDPOINT") or None


def unreachable(what: object) -> HubError:
    """The error for a hub that cannot be reached while `what` is needed of it."""
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return HubError(f"{what}: HF_HUB_OFFLINE=1 forbids it; unset it and go online")
    return HubError(f"{what}: the Hugging Face Hub cannot be reached; go online and run it again")


@contextlib.contextmanager
def failing(what: object, repository: str, writing: bool = False) -> Iterator[None]:
    """Turn the exceptions of huggingface_hub in this block into a HubError about `what`."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # of the package, its HTTP client or the disk
        cause = _cause(error)
        if isinstance(cause, OSError) and cause.strerror and _status(cause) is None \
                and not isinstance(cause, (ConnectionError, TimeoutError)):
            raise cause from None  # of the disk
        raise HubError(f"{what}: {_reason(cause, repository, writing)}") from None


def _cause(error: BaseException) -> BaseException:
    """The first of the chained exceptions that has an HTTP status, else `error` without the wrapper
    of a failed upload."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    known = next((each for each in chain if _status(each) is not None), None)
    wrapped = isinstance(error, RuntimeError) and error.__cause__ is not None
    return known or (error.__cause__ if wrapped and error.__cause__ else error)


def _status(error: BaseException) -> int | None:
    """The HTTP status of an exception, or None."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _reason(error: BaseException, repository: str, writing: bool) -> str:
    kind, status = type(error).__name__, _status(error)
    if kind == "RevisionNotFoundError":
        return f"{repository} has no such revision; give one of its branches, tags or commits"
    if kind in ("EntryNotFoundError", "RemoteEntryNotFoundError"):
        return f"{repository} lacks the file; it was not written by `zoo push`"
    if kind == "GatedRepoError":
        return (f"{repository} is gated; ask for access at https://huggingface.co/{repository}, "
                f"then {LOG_IN}")
    if status is not None:
        return _of_status(status, kind, repository, writing) + _told(error)
    if kind == "LocalEntryNotFoundError":
        return ("it is not in the cache, and the Hugging Face Hub cannot be reached; go online "
                "and run it again")
    if kind == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE=1 forbids it; unset it and go online"
    if "Timeout" in kind:
        return "the Hugging Face Hub did not answer in time; run it again later"
    if isinstance(error, ConnectionError) or re.search("Connect|Network|Proxy|Protocol|SSL|^Read|"
                                                       "^Write", kind):
        return "the connection to the Hugging Face Hub was lost; run it again"
    return f"the Hugging Face Hub cannot be used ({without_token(str(error)) or kind})"


def _of_status(status: int, kind: str, repository: str, writing: bool) -> str:
    token = package().get_token()
    if status == 401 and not token:
        return (f"the Hugging Face Hub wants a token (401); {LOG_IN}" if writing else
                f"{repository} does not exist or is private; check the name, or {LOG_IN}")
    if status == 401 and (writing or kind != "RepositoryNotFoundError"):
        return f"the Hugging Face Hub refuses the token (401); {_NEW_TOKEN}"
    if status in (401, 404):
        return (f"{repository} does not exist, or the token may not read it ({status}); check the "
                "name, or " + (_NEW_TOKEN if token else LOG_IN))
    if status == 403:
        return (f"the token may not {'write to' if writing else 'read'} {repository} (403); use a "
                f"token with {'write' if writing else 'read'} access to it")
    if status in (409, 412):
        return f"{repository} has changed meanwhile ({status}); run it again"
    if status == 429:
        return "the Hugging Face Hub limits the number of requests (429); run it again later"
    if status >= 500:
        return f"the Hugging Face Hub has failed ({status}); run it again later"
    return f"the Hugging Face Hub refuses the request ({status})"


def _told(error: BaseException) -> str:
    """What the hub itself says of a refusal, in brackets."""
    told = without_token(str(getattr(error, "server_message", None) or ""))
    return f" [{told}]" if told else ""


def without_token(text: str, most: int = 160) -> str:
    """`text` in one line, with dots in place of anything that looks like a token.

    >>> without_token("the token hf_abcdefghijkl\\nis wrong")
    'the token hf_... is wrong'
    """
    token = package().get_token()
    if token:
        text = text.replace(token, "...")
    return " ".join(re.sub(r"hf_\w{6,}", "hf_...", text).split())[:most]
