"""A damaged or hostile artifact is refused with one line that names the file."""

import json
from pathlib import Path

import pytest

import zoo
from zoo.artifact import folder as artifact
from zoo.artifact.folder import (
    ArtifactError,
    finalize,
    read_file,
    read_genotype,
    read_manifest,
    writing,
)
from zoo.artifact.manifest import Input, Manifest, Network
from zoo.genotypes.serialization import to_json
from zoo.system import swap


def manifest():
    return Manifest(name="T-digits", genotype="DARTS", parameters=1, trained=False,
                    network=Network(kind="cifar", channels=4, layers=3, num_classes=10),
                    input=Input(height=8, width=8, channels=1, mean=[0.5], std=[0.5]))


@pytest.fixture
def folder(tmp_path):
    with writing(tmp_path / "T") as fresh:
        (fresh / "genotype.json").write_text(to_json(zoo.genotype("DARTS")))
        (fresh / "sub").mkdir()
        (fresh / "sub/data.bin").write_bytes(b"12345678")
        finalize(fresh, manifest())
    return tmp_path / "T"


def test_round_trip(folder):
    found = read_manifest(folder)
    assert set(found.files) == {"genotype.json", "sub/data.bin"}
    artifact.check_files(folder, found)
    assert read_genotype(folder, found) == zoo.genotype("DARTS")


def test_no_artifact(tmp_path):
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ArtifactError, match="is not an artifact folder"):
            read_manifest(place)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', "\x00"])
def test_truncated_manifest(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"manifest.json: .*build the artifact again"):
        read_manifest(folder)


@pytest.mark.parametrize("field, value", [
    ("format", 2), ("name", "../up"), ("name", ""), ("parameters", -1), ("precision", "int4"),
    ("network", {"kind": "rnn"}), ("surprise", 1), ("files", {"a": {"sha256": "x", "bytes": 1}}),
    ("input", {"channels": 1, "mean": [], "std": [0.5]}),
    ("input", {"channels": 1, "mean": [0.5], "std": [0]}), ("input", {"channels": 1}),
    ("labels", ["only one of ten"]),
])
def test_edited_manifest(folder, field, value):
    edited = json.loads((folder / "manifest.json").read_text()) | {field: value}
    (folder / "manifest.json").write_text(json.dumps(edited))
    with pytest.raises(ArtifactError, match=field):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret", "C:/x",
                                  "a\\..\\b"])
def test_paths_never_leave_the_folder(folder, name):
    (folder.parent / "secret").write_text("s")
    edited = json.loads((folder / "manifest.json").read_text())
    edited["files"][name] = {"sha256": "0" * 64, "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(edited))
    with pytest.raises(ArtifactError, match="is outside"):
        read_manifest(folder)


def test_a_link_that_leaves_the_folder_is_refused(folder):
    (folder.parent / "secret").write_bytes(b"12345678")
    (folder / "sub/data.bin").unlink()
    (folder / "sub/data.bin").symlink_to(folder.parent / "secret")
    with pytest.raises(ArtifactError, match="is outside"):
        read_manifest(folder)


@pytest.mark.parametrize("content", [b"", b"1234567", b"12345679"])
def test_a_changed_file_is_named(folder, content):
    (folder / "sub/data.bin").write_bytes(content)
    with pytest.raises(ArtifactError, match="sub/data.bin"):
        artifact.check_files(folder, read_manifest(folder))


def test_a_missing_file_is_named(folder):
    (folder / "sub/data.bin").unlink()
    with pytest.raises(ArtifactError, match="sub/data.bin cannot be read"):
        artifact.check_files(folder, read_manifest(folder))


def test_an_unlisted_file_is_not_read(folder):
    (folder / "extra").write_text("x")
    with pytest.raises(ArtifactError, match="lists no extra"):
        read_file(folder, read_manifest(folder), "extra")


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "T") as fresh:
        (fresh / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError), writing(tmp_path / "file/T"):
        pass


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "T").mkdir()
    with writing(tmp_path / "T") as fresh:
        finalize(fresh, manifest())
    assert read_manifest(tmp_path / "T").name == "T-digits"


def test_an_error_removes_created_parent_folders(tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "a/b/T"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_name_like_a_glob_pattern_removes_only_its_own_leftovers(tmp_path):
    (tmp_path / ".other.building-999999999").mkdir()
    (tmp_path / ".[a]*.building-999999999").mkdir()
    with writing(tmp_path / "[a]*") as fresh:
        finalize(fresh, manifest())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.building-999999999",
                                                                "[a]*"]


@pytest.mark.parametrize("stopped_at", [1, 2])
def test_a_stop_keeps_the_old_folder(stopped_at, folder, monkeypatch):
    """On systems that cannot swap two folders atomically."""
    monkeypatch.setattr(swap, "_exchange", lambda *_: False)
    rename, calls = Path.rename, []

    def stopping(self, target):
        calls.append(target)
        if len(calls) == stopped_at:
            raise KeyboardInterrupt
        return rename(self, target)

    before = read_manifest(folder)
    monkeypatch.setattr(Path, "rename", stopping)
    with pytest.raises(KeyboardInterrupt), writing(folder) as fresh:
        finalize(fresh, manifest())
    assert read_manifest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_moved_aside_by_a_killed_build_is_restored(folder):
    before = read_manifest(folder)
    folder.rename(folder.parent / f".{folder.name}.building-999999999-old")
    with pytest.raises(RuntimeError), writing(folder):
        raise RuntimeError
    assert read_manifest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
