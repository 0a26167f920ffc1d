"""Identifies a file by its first bytes, whatever its name.

A failed download leaves a web page, a pointer or an empty file under the name of a checkpoint;
the message names each case and its remedy.
"""

from __future__ import annotations

import contextlib
import io
import json
import re

#: The pickled magic number at the start of files of torch before 1.6.
_TORCH_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_WEIGHTS_SUFFIX = re.compile(r"\.(pt|pth|pth\.tar|ckpt|bin|safetensors|th)$", re.IGNORECASE)
_PACKED = {  # first bytes of compressed files -> name, how to unpack
    b"\x1f\x8b": ("gzip", "gunzip, or tar xzf for a .tar.gz"),
    b"BZh": ("bzip2", "bunzip2, or tar xjf for a .tar.bz2"),
    b"\xfd7zXZ\x00": ("xz", "unxz, or tar xJf for a .tar.xz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
    b"Rar!": ("RAR", "unrar x")}
_OTHERS = {  # first bytes -> kind of file
    b"\x89HDF": "an HDF5 file, as Keras writes", b"\x93NUMPY": "a NumPy array",
    b"GGUF": "a GGUF file", b"%PDF": "a PDF", b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)", b"\x7fELF": "a program"}
_NEEDED = "give a state dict of torch.save or a .safetensors file"


def is_safetensors(content: bytes) -> bool:
    """Whether the content starts like a safetensors file."""
    return content[8:9] == b"{" and 2 <= int.from_bytes(content[:8], "little") < 2**32


def is_torch(content: bytes) -> bool:
    """Whether the content starts like a file of `torch.save`: a zip, or pickles before torch 1.6.
    """
    if content[:4] == b"PK\x03\x04":
        names = _names_in_zip(content)
        # A truncated zip has no list of names; torch writes the pickle first.
        return (b"/data.pkl" in content[30:300] if names is None else
                any(name.endswith("/data.pkl") for name in names)
                and not any(name.endswith("/constants.pkl") for name in names))
    return content[:1] == b"\x80" and _TORCH_MAGIC in content[:32]


def left_by_download(content: bytes) -> str | None:
    """A message that continues a file's name if a failed download left something else in its
    place, else None."""
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not content:
        return "is empty (0 bytes), as after a failed download or on a full disk; get it again"
    if start.startswith(b"version https://git-lfs"):
        return _pointer(start)
    if re.match(rb"<(!doctype html|!--|html|head|body|script|meta)", start, re.IGNORECASE):
        return _page(content)
    if start[:5].lower() == b"<?xml" or start.startswith(b"<Error"):
        return ("is an XML page, which a server sends for a missing or private file; get "
                "the file itself from its page in a browser")
    if not content.strip(b"\0"):
        return "holds nothing but zeros, as after an interrupted download; get it again"
    return None


def others(content: bytes, name: str) -> str:
    """The kind of a file that is neither of torch nor safetensors, with the remedy: a message that
    continues its name.  `name` is the path for code in the message."""
    if left := left_by_download(content):
        return left
    if content[:2] == b"PK":
        return _zip(content, name)
    if content[257:262] == b"ustar":
        return _tar(content)
    for magic, (packer, how) in _PACKED.items():
        if content.startswith(magic):
            return f"is packed with {packer}; unpack it ({how}) and give the checkpoint in it"
    if content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05":
        return _pickle(name)
    for magic, what in _OTHERS.items():
        if content.startswith(magic):
            return f"is {what}, not weights of torch; {_NEEDED}"
    if content[4:8] == b"TFL3" or re.match(rb"\x08[\x03-\x20]\x12", content):
        what = "a TFLite" if content[4:8] == b"TFL3" else "an ONNX"
        return f"is {what} file, not weights of torch; {_NEEDED}"
    return _text(content) or (
        f"is neither a torch.save nor a safetensors file (it starts with the bytes "
        f"{content[:8].hex(' ')}); get it again")


def _pointer(start: bytes) -> str:
    size = re.search(rb"^size (\d{1,18})$", start, re.MULTILINE)
    of_size = f" of {int(size[1]):,} byte{'s' * (int(size[1]) != 1)}" if size else ""
    return (f"is a git-lfs pointer to the file{of_size}, not the file itself; run `git lfs pull` "
            "in its repository, or download the file from its page")


def _page(content: bytes) -> str:
    text = content[:65536].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    shown = " ".join(title[1].split())[:60] if title else ""
    quoted = f" ({shown!r})" if shown else ""
    return (f"is a web page (HTML){quoted} instead of the file, such as a sign-in, a warning or an "
            "exceeded quota; open its address in a browser and get the file itself")


def _names_in_zip(content: bytes) -> list[str] | None:
    import zipfile  # lazy like tarfile, since genotype files are checked by the same functions

    try:
        return zipfile.ZipFile(io.BytesIO(content)).namelist()
    except Exception:  # a damaged file can make zipfile raise anything
        return None


def _zip(content: bytes, name: str) -> str:
    names = _names_in_zip(content)
    if names is None:
        return "is a damaged or truncated zip file; get it again"
    if any(each.endswith("/constants.pkl") for each in names):
        return ("is a TorchScript archive, which holds code; save its weights: "
                f"`model = torch.jit.load({name!r})`, then `torch.save(model.state_dict(), "
                f"{state_name(name)!r})`")
    if any(each.endswith(".npy") for each in names):
        return f"is a NumPy archive (.npz), not weights of torch; {_NEEDED}"
    return f"is a zip file, not one of torch.save{_contents(names)}"


def _tar(content: bytes) -> str:
    import tarfile

    names = []
    with contextlib.suppress(Exception), tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            names.append(member.name)
            if len(names) == 100:
                break
    if {"storages", "tensors", "pickle"} <= set(names):
        return ("is in the format of torch before 0.2, which cannot be read safely; load it with "
                "an old torch and save its state_dict() again")
    return f"is a tar archive{_contents(names)}"


def _contents(names: list[str]) -> str:
    inside = [name for name in names if _WEIGHTS_SUFFIX.search(name)]
    what = f", such as {inside[0]!r}" if inside else ""
    return f"; unpack it and give the checkpoint in it{what}"


def _pickle(name: str) -> str:
    return ("is a pickle that torch.save did not write, which could run any code, so it is not "
            "loaded; if you trust it: `state = pickle.load(open("
            f"{name!r}, 'rb'))`, then `torch.save(state, {state_name(name)!r})`")


def _text(content: bytes) -> str | None:
    """The message for a text file; None if the content is not text."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else
                              "utf-8-sig")
    except UnicodeDecodeError:
        return None
    if re.search(r"[\x00-\x08\x0e-\x1f]", text[:4096]):
        return None
    if re.search(r"Genotype\s*\(|\"normal\"\s*:|\"recurrent\"\s*:", text[:65536]):
        return "is a text with a genotype, not weights; give it as --cell"
    if text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(text)
            index = " (the index of weights in several files)" * ("weight_map" in text)
            return f"is JSON, not weights{index}; {_NEEDED}"
    shown = " ".join(text.split())[:40]
    return f"is a text ({shown!r}), not weights; {_NEEDED}"


def state_name(name: str) -> str:
    """A name for the state dict saved from the file `name`.

    >>> state_name("runs/model.pth.tar")
    'model-state.pt'
    """
    return f"{plain_stem(name)}-state.pt"


def plain_stem(name: str) -> str:
    """The name of a weights file without folders and suffixes.

    >>> plain_stem("runs/model_best.pth.tar")
    'model_best'
    """
    last = re.split(r"[/\\]", name)[-1]
    return _WEIGHTS_SUFFIX.sub("", last.removesuffix(".tar")) or last
