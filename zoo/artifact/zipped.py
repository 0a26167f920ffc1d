"""Artifacts in a zip, as the demo page writes them: read in place, so that nothing is unpacked."""

from __future__ import annotations

import errno
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from zoo.artifact.folder import ArtifactError
from zoo.artifact.names import MANIFEST

_MOST_FILES = 5000
_MOST = 8 * 2**30  # bytes of all files, unpacked
_ENCRYPTED = 0x1  # of the flags of a file


@dataclass(frozen=True)
class ZippedArtifact:
    """The artifact in the zip at `path`, at its top or in one folder there; a
    `zoo.artifact.folder.Place`."""

    path: Path
    root: str = field(repr=False)
    remedy = "pack the folder of the artifact again"

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str, most: int) -> bytes:
        """The content of the file `name`, of at most `most` bytes.

        Raises FileNotFoundError, or ArtifactError if it is larger or damaged.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                member = archive.getinfo(self.root + name)
                if member.file_size > most:
                    raise ArtifactError(f"{self.path}: {name} has {member.file_size} bytes, at "
                                        f"most {most} are expected; {self.remedy}")
                return archive.read(member)
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "it is not in the zip") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            raise ArtifactError(f"{self.path}: {name} is damaged or packed in an unknown way; "
                                f"{self.remedy}") from None


def find(path: Path) -> ZippedArtifact:
    """The artifact in the zip at `path`.

    Raises ArtifactError unless it is a zip of one artifact, without links, encrypted files and
    names that occur twice, that is not too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, EOFError):
        raise ArtifactError(f"{path} is damaged or not a zip file; {ZippedArtifact.remedy}"
                            ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror})") from None
    if problem := _problem(members):
        raise ArtifactError(f"{path} {problem}; {ZippedArtifact.remedy}")
    manifests = [member.filename for member in members
                 if member.filename == MANIFEST or member.filename.endswith(f"/{MANIFEST}")]
    least = min((name.count("/") for name in manifests), default=0)
    manifests = [name for name in manifests if name.count("/") == least]
    if not manifests or least > 1:
        raise ArtifactError(f"{path} has no {MANIFEST} at its top or in a folder there; "
                            f"{ZippedArtifact.remedy}")
    if len(manifests) > 1:
        raise ArtifactError(f"{path} has {len(manifests)} artifacts; pack the folder of one")
    return ZippedArtifact(path, manifests[0].removesuffix(MANIFEST))


def _problem(members: list[zipfile.ZipInfo]) -> str | None:
    """Why the files of a zip are refused."""
    if len(members) > _MOST_FILES:
        return f"has {len(members)} files, more than {_MOST_FILES}"
    if (size := sum(member.file_size for member in members)) > _MOST:
        return f"has {size / 2**30:.0f} GiB, more than {_MOST / 2**30:.0f}"
    seen: set[str] = set()
    for member in members:
        name = member.filename
        if name in seen:
            return f"has {name} twice"
        seen.add(name)
        if stat.S_ISLNK(member.external_attr >> 16):
            return f"has the link {name}"
        if member.flag_bits & _ENCRYPTED:
            return f"has the encrypted file {name}"
    return None
