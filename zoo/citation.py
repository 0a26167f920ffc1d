"""BibTeX entries of the cells' papers, from the registry's metadata."""

from __future__ import annotations

import re
import unicodedata

from zoo.registry import CellRecord, Paper

#: Venues that are journals; all others are conferences.
JOURNALS = ("TPAMI",)

_SPECIAL = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": r"\{", "}": r"\}",
            "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_SMALL = {"a", "an", "the", "on", "are", "one"}


def bibtex(paper: Paper) -> str:
    """An @inproceedings, @article or @misc entry from the registry's names and venue; first names
    may be initials or missing.

    Examples:
        >>> from zoo import registry
        >>> from zoo.citation import bibtex
        >>> print(bibtex(registry.record("GDAS_V1").paper))
        @inproceedings{dong2019searching,
          title = {{Searching for A Robust Neural Architecture in Four GPU Hours}},
          author = {X. Dong and Y. Yang},
          booktitle = {CVPR},
          year = {2019},
          eprint = {1910.04465},
          archivePrefix = {arXiv},
          url = {https://arxiv.org/abs/1910.04465},
        }
    """
    venue = re.sub(r"\s*\b(19|20)\d\d\b", "", paper.venue).strip()
    published = venue not in ("", "arXiv")
    journal = venue in JOURNALS
    fields = {
        "title": f"{{{_tex(paper.title)}}}",  # braces preserve capitals
        "author": " and ".join(_tex(name) for name in paper.authors.split(", ")),
        "journal" if journal else "booktitle": _tex(venue) if published else "",
        "year": str(paper.year),
        "eprint": paper.arxiv,
        "archivePrefix": "arXiv" if paper.arxiv else "",
        "url": paper.url,
    }
    kind = "misc" if not published else "article" if journal else "inproceedings"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key(paper)},", *lines, "}"])


def key(paper: Paper) -> str:
    """The citation key: first author, year, and first significant word of the title."""
    author = paper.authors.split(", ")[0].split()[-1]
    words = [_plain(word) for word in paper.title.split()]
    first = next((word for word in words if word and word not in _SMALL), "")
    return f"{_plain(author)}{paper.year}{first}"


def citation(record: CellRecord) -> str:
    """The entry of a cell's paper.  Raises ValueError for a cell without a paper, naming its
    source."""
    if record.paper is None:
        source = f"; its source: {' '.join(record.source.split())}" if record.source else ""
        raise ValueError(f"{record.name} has no paper{source}")
    return bibtex(record.paper)


def _plain(word: str) -> str:
    """Lower-case ASCII letters and digits."""
    folded = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", folded.lower())


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(one, one) for one in text)
