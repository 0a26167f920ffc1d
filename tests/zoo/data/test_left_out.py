"""Nothing is skipped or reinterpreted silently: images of all suffixes, skipped files, bit depths,
and classes in one split only."""

import io
import logging

import numpy as np
import pytest
from PIL import GribStubImagePlugin, Image
from typer.testing import CliRunner

from tests.zoo.data.test_images import refused, some_images, write_folder, write_parquet
from zoo.cli import app
from zoo.data import picture_files
from zoo.data.base import DataError
from zoo.data.images import load
from zoo.data.picture_files import is_picture, suffixes
from zoo.data.pictures import PictureError, decode
from zoo.messages import notes

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def said(caplog):
    """The notes so far."""
    caplog.set_level(logging.WARNING, "zoo")
    return lambda: [record.getMessage() for record in caplog.records]


# --- suffixes -------------------------------------------------------------------------------


def test_every_suffix_that_pillow_reads_is_a_picture(tmp_path, said):
    """All formats that the installed Pillow writes and reads, by each of their suffixes."""
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
    Image.init()
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    for suffix, name in Image.registered_extensions().items():
        if name not in Image.OPEN or name not in Image.SAVE:
            continue
        file = tmp_path / "train" / "a" / f"x{suffix[1:]}{suffix.upper()}"
        for mode in ("RGB", "L", "1", "F"):
            try:
                pixels.convert(mode).save(file, name)
                Image.open(file).convert("RGB")
                break
            except (OSError, ValueError, KeyError, ImportError):
                file.unlink(missing_ok=True)
        if file.exists() and Image.open(file).mode != "F":
            assert is_picture(file.name), file
        else:
            file.unlink(missing_ok=True)
    for number, place in enumerate(("train/b", "test/a", "test/b")):
        pixels.rotate(90 * (number + 1)).save(tmp_path / place / "0.png")
    there = len(list((tmp_path / "train" / "a").iterdir()))
    assert there > 20
    data = load("folder", tmp_path, size=8)
    assert np.bincount(data.train.labels).tolist() == [there, 1] and not said()
    assert len(load("imagenet", tmp_path, size=8).train.labels) == there + 1


def test_formats_without_a_reader_in_pillow_are_not_images():
    assert {".tif", ".tiff", ".jfif", ".png", ".jpg", ".webp", ".ppm"} <= suffixes()
    assert not {".mpg", ".eps", ".h5", ".grib", ".txt", ".pdf", ""} & suffixes()


def test_a_stub_with_a_reader_is_read(monkeypatch):
    """Other code may register a reader for a format that Pillow cannot read."""
    picture_files.suffixes.cache_clear()
    monkeypatch.setattr(GribStubImagePlugin, "_handler", object(), raising=False)
    assert ".grib" in suffixes()
    monkeypatch.undo()
    picture_files.suffixes.cache_clear()
    assert ".grib" not in suffixes()


# --- what is skipped --------------------------------------------------------------------------


def test_skipped_files_are_counted_and_named_once(tmp_path, said):
    write_folder(tmp_path)
    (tmp_path / "train/cat/._0.png").write_bytes(b"\0\5\x16\7 notes of macOS")
    (tmp_path / "train/cat/.hidden.jpg").write_bytes(b"")
    (tmp_path / "train/dog/notes.txt").write_text("a dog")
    (tmp_path / "train/dog/more").mkdir()
    (tmp_path / "train/loose.png").write_bytes(b"")
    (tmp_path / "test/dog/film.mpg").write_bytes(b"")
    (tmp_path / "test/.ipynb_checkpoints").mkdir()
    for name in ("folder", "imagenet"):
        assert len(load(name, tmp_path, 8).train.labels) == 2
    line, again = said()
    assert line == again  # for each `load`; a command shows it once
    assert line.startswith(f"{tmp_path}: read 4 images and ignored 7 others")
    assert "train/cat/._0.png, train/cat/.hidden.jpg, train/dog/more/, train/dog/notes.txt, " \
        "train/loose.png and 2 more" in line


def test_a_command_shows_a_note_on_stderr_once(tmp_path):
    write_folder(tmp_path, sizes=((8, 8),) * 3)
    (tmp_path / "train/cat/._0.png").write_bytes(b"\0\5\x16\7")
    arguments = ["train", "DARTS", "--data", "folder", "--path", str(tmp_path), "--channels", "4",
                 "--layers", "3", "--epochs", "1", "--device", "cpu", "-o", str(tmp_path / "run")]
    trained = CliRunner().invoke(app, arguments)
    assert trained.exit_code == 0, trained.output
    measured = CliRunner().invoke(app, ["eval", str(tmp_path / "run"), "--path", str(tmp_path)])
    built = CliRunner().invoke(app, ["build", str(tmp_path / "run"), "-e", "onnx", "--path",
                                     str(tmp_path), "-o", str(tmp_path / "out")])
    for result in (trained, measured, built):
        assert result.exit_code == 0, result.output
        told = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
        assert told == [f"note: {tmp_path}: read 12 images and ignored 1 others, not a "
                        "train/CLASS/FILE that Pillow reads: train/cat/._0.png"]
        assert result.stderr.splitlines().count(
            f"{tmp_path.name}: 2 classes (cat, dog), 6 training and 6 test images") == 1


def test_only_the_first_of_several_processes_speaks(monkeypatch, capsys):
    notes.show()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    notes.note("something")
    assert not capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    notes.note("something")
    notes.note("something")
    assert capsys.readouterr().err == "note: something\n"


# --- bit depths -------------------------------------------------------------------------------


LEVELS = (np.arange(64).reshape(8, 8) * 1040).astype(np.int32)


def in_folder(tmp_path, image, suffix):
    """A folder of gray images with `image` among them."""
    write_folder(tmp_path, mode="L", sizes=((8, 8),))
    file = tmp_path / "train" / "cat" / f"deep{suffix}"
    image.save(file)
    return file


@pytest.mark.parametrize("suffix, kind", [
    (".tif", np.int32), (".tif", np.uint16), (".png", np.uint16), (".pgm", np.uint16)])
def test_sixteen_bits_are_scaled_in_any_container(tmp_path, suffix, kind):
    file = in_folder(tmp_path, Image.fromarray(LEVELS.astype(kind)), suffix)
    wanted = LEVELS // 256
    assert np.array_equal(decode(file), np.repeat(wanted[..., None], 3, axis=2))
    images = load("folder", tmp_path).train.images
    assert images.shape == (3, 8, 8, 1) and np.array_equal(images[1, ..., 0], wanted)


def test_a_dark_picture_of_sixteen_bits_stays_dark(tmp_path):
    file = in_folder(tmp_path, Image.fromarray((LEVELS // 1040).astype(np.uint16)), ".pgm")
    assert not decode(file).any()


@pytest.mark.parametrize("levels, said", [
    (LEVELS * 1000, "32-bit gray values from 0 to 65520000"),
    (LEVELS - 5, "32-bit gray values from -5 to 65515"),
    (LEVELS // 1040, "32-bit gray values from 0 to 63"),
    ((LEVELS / 65520).astype(np.float32), "gray values in floats, from 0 to 1"),
    ((LEVELS / 256).astype(np.float32), "gray values in floats, from 0 to 255.9"),
])
def test_values_without_a_scale_are_refused(tmp_path, levels, said):
    """They were clipped to 0..255, which made them white or black."""
    file = in_folder(tmp_path, Image.fromarray(levels), ".tif")
    with pytest.raises(PictureError, match="save it with 8 or 16 bits") as picture:
        decode(file)
    with pytest.raises(DataError) as image:
        load("folder", tmp_path)
    with pytest.raises(DataError) as large:
        np.asarray(load("imagenet", tmp_path, 8).train.images)
    assert str(picture.value) == str(image.value) == str(large.value)
    assert str(picture.value).startswith(f"{file} holds {said}, whose white level is unknown")


# --- classes ----------------------------------------------------------------------------------


def test_classes_of_one_split_are_one_line_with_both_lists(tmp_path):
    write_folder(tmp_path, splits=("train",), classes=("cat", "dog", "hen"))
    write_folder(tmp_path, splits=("val",), classes=("Cat", "Dog", "hen"))
    train, test = tmp_path / "train", tmp_path / "val"
    assert refused("folder", tmp_path) == (
        f"{test} has the classes Cat, Dog, which {train} lacks, and {train} has cat, dog, which "
        f"{test} lacks; give both folders the same classes")


def test_classes_without_a_test_image_are_noted(tmp_path, said):
    write_folder(tmp_path, splits=("train",), classes=("cat", "dog", "hen"))
    write_folder(tmp_path, splits=("test",), classes=("cat",))
    (tmp_path / "test" / "dog").mkdir()
    assert load("folder", tmp_path).labels == ["cat", "dog", "hen"]
    assert said() == ["folder has no test images of the classes dog, hen"]


def test_classes_without_a_training_image_are_noted(tmp_path, said):
    write_folder(tmp_path, classes=("cat", "dog", "hen"))
    for name in ("dog", "hen"):
        (tmp_path / "train" / name / "0.png").rename(tmp_path / f"{name}.png")
    message = refused("folder", tmp_path)
    assert "train/dog holds no images" in message and "nor does hen" in message
    for split, labels in (("train", [0, 1, 2]), ("test", list(range(10)))):
        write_parquet(tmp_path / f"{split}.parquet", some_images(len(labels)), labels)
    load("cifar10", tmp_path)
    assert said() == ["cifar10 has no training images of the classes cat, deer, dog, frog, horse "
                      "and 2 more"]


def test_coarse_labels_of_cifar100_are_refused(tmp_path):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"{split}.parquet", some_images(20), list(range(20)))
    message = refused("cifar100", tmp_path)
    assert "20 coarse" in message and "coarse" in message and "fine_label" in message
    for split in ("train", "test"):  # declared as the fine labels
        write_parquet(tmp_path / f"{split}.parquet", some_images(20), list(range(20)), "fine_label")
    assert load("cifar100", tmp_path).train.labels.max() == 19


@pytest.mark.parametrize("kind, said", [(np.uint16, None), (np.float32, "row 0: img.bytes holds")])
def test_deep_images_in_parquet_files(tmp_path, kind, said):
    levels = (np.arange(1024).reshape(32, 32) * 64).astype(kind)
    content = io.BytesIO()
    Image.fromarray(levels).save(content, "tiff")
    table = arrow.table({"img": [{"bytes": content.getvalue()}], "label": [0]})
    for split in ("train", "test"):
        parquet.write_table(table, tmp_path / f"{split}.parquet")
    if said:
        assert said in refused("cifar10", tmp_path)
    else:
        found = load("cifar10", tmp_path).train.images[0]
        assert np.array_equal(found, np.repeat(levels[..., None] // 256, 3, axis=2))
