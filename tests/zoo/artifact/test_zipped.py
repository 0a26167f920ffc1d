"""Artifacts in a zip: found at the top or in a folder, read in place, and refused in one line."""

from __future__ import annotations

import hashlib
import json
import stat
import warnings
import zipfile

import pytest

from zoo.artifact import folder as artifact
from zoo.artifact import zipped
from zoo.artifact.folder import ArtifactError

CONTENT = b"0\n1\n"
FIELDS = {"format": 1, "name": "x", "network": {"kind": "cifar", "num_classes": 2},
          "input": {"height": 8, "width": 8, "channels": 1, "mean": [0.5], "std": [0.5]},
          "trained": True, "parameters": 1, "files": {"labels.txt": {
              "sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT)}}}
MANIFEST = json.dumps(FIELDS)


def packed(tmp_path, *members: tuple[str | zipfile.ZipInfo, str | bytes]):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive, \
            warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in members:
            archive.writestr(name, content)
    return tmp_path / "x.zip"


@pytest.mark.parametrize("root", ["", "some folder/"])
def test_its_files_are_read(tmp_path, root):
    place = zipped.find(packed(tmp_path, (f"{root}manifest.json", MANIFEST),
                               (f"{root}labels.txt", CONTENT), (f"{root}a/manifest.json", "{}")))
    manifest = artifact.read_manifest(place)
    assert artifact.read_file(place, manifest, "labels.txt") == CONTENT
    assert str(place) == str(tmp_path / "x.zip")


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("labels.txt")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("members, message", [
    ([("a.txt", "a")], "has no manifest.json at its top"),
    ([("a/b/manifest.json", MANIFEST)], "has no manifest.json at its top"),
    ([("a/manifest.json", MANIFEST), ("b/manifest.json", MANIFEST)], "has 2 artifacts"),
    ([("manifest.json", MANIFEST), ("manifest.json", "{}")], "has manifest.json twice"),
    ([("manifest.json", MANIFEST), (link(), "/etc/passwd")], "has the link labels.txt"),
    ([("manifest.json", MANIFEST), *((f"{n}", "") for n in range(5000))], "has 5001 files"),
])
def test_other_zips_are_refused(tmp_path, members, message):
    with pytest.raises(ArtifactError, match=message):
        zipped.find(packed(tmp_path, *members))


def test_a_zip_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "_MOST", 2**30)
    monkeypatch.setattr(zipfile.ZipFile, "infolist", lambda self: [
        info for number in range(3) if (info := zipfile.ZipInfo(str(number)))
        and setattr(info, "file_size", 2**30) is None])
    with pytest.raises(ArtifactError, match="has 3 GiB, more than 1"):
        zipped.find(packed(tmp_path, ("manifest.json", MANIFEST)))


@pytest.mark.parametrize("place, value, message", [
    (6, 1, "has the encrypted file"), (8, 99, "damaged or packed in an unknown way")])
def test_flags_and_methods(tmp_path, place, value, message):
    """Of the first file: encryption is a flag, and its method of compression follows the flags."""
    path = packed(tmp_path, ("manifest.json", MANIFEST))
    content = bytearray(path.read_bytes())
    content[place] = value
    content[content.index(b"PK\x01\x02") + place + 2] = value
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        artifact.read_manifest(zipped.find(path))


@pytest.mark.parametrize("content, message", [
    ("0\n2\n", "labels.txt has changed"), ("0\n1\n2\n", "labels.txt has 6 bytes"),
    (None, "it is not in the zip")])
def test_files_that_differ_from_the_manifest(tmp_path, content, message):
    members = [("x/manifest.json", MANIFEST), *([("x/labels.txt", content)] if content else [])]
    place = zipped.find(packed(tmp_path, *members))
    with pytest.raises(ArtifactError, match=message):
        artifact.read_file(place, artifact.read_manifest(place), "labels.txt")


@pytest.mark.parametrize("cut", [0, 30, -30])
def test_a_damaged_zip(tmp_path, cut):
    path = packed(tmp_path, ("manifest.json", MANIFEST))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ArtifactError, match="is damaged or not a zip file"):
        zipped.find(path)


def test_a_name_outside_the_folder(tmp_path):
    files = {"../labels.txt": FIELDS["files"]["labels.txt"]}
    place = zipped.find(packed(tmp_path, ("x/manifest.json", json.dumps(FIELDS | {"files": files})),
                               ("labels.txt", CONTENT)))
    with pytest.raises(ArtifactError, match="outside the folder"):
        artifact.read_manifest(place)
