"""Data sets: the guarantees of `load`, on small generated files."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.artifact.manifest import Input
from zoo.data.base import DataError
from zoo.data.images import load, load_for
from zoo.data.pictures import decode, read_picture
from zoo.data.sets import cifar
from zoo.data.sets.synthetic_digits import draw
from zoo.data.transforms import (
    augment,
    cutout,
    random_affine,
    random_crop,
    random_flip,
    random_stroke,
)
from zoo.recipes.image import Recipe, recipe

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def refused(*arguments, **named) -> str:
    with pytest.raises(DataError) as caught:
        load(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- digits ---------------------------------------------------------------------------------


def test_digits_are_split_the_same_way_each_time():
    data = load("digits")
    assert data.train.images.shape == (1437, 8, 8, 1)
    assert data.test.images.shape == (360, 8, 8, 1)
    assert data.train.images.dtype == np.float32
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert data.labels == list("0123456789")
    # The accuracy of the shipped weights was measured on exactly these images.
    assert data.test.labels[:12].tolist() == DIGITS_BEGIN
    assert np.bincount(data.test.labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert data.mean == [0.305383] and data.std == [0.376119]


DIGITS_BEGIN = [7, 6, 3, 7, 7, 3, 2, 8, 9, 3, 2, 6]


def test_drawn_digits_look_like_the_scans():
    images, labels = draw(200, 0)
    scans = load("digits").train
    assert images.shape == (200, 8, 8, 1) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 255
    assert np.bincount(labels).tolist() == [20] * 10
    assert images.mean() == pytest.approx(scans.images.mean(), rel=0.05)  # as much ink
    # The nearest mean scan has the same class far more often than by chance.
    means = np.stack([scans.images[scans.labels == k].mean(0).ravel() for k in range(10)])
    distance = ((images.reshape(200, 1, 64) - means) ** 2).sum(-1)
    assert (distance.argmin(1) == labels).mean() > 0.4
    assert np.array_equal(draw(20, [1, 2])[0], draw(20, [1, 2])[0])
    assert not np.array_equal(draw(20, [1, 2])[0], draw(20, [1, 3])[0])


# --- CIFAR ----------------------------------------------------------------------------------


def some_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def write_parquet(path, images, labels, column="label"):
    rows = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image).save(content, "png")
        rows.append({"bytes": content.getvalue(), "path": None})
    parquet.write_table(arrow.table({"img": rows, column: labels}), path)


@pytest.mark.parametrize("name, column", [("cifar10", "label"), ("cifar100", "fine_label")])
def test_parquet_files_with_the_schema_of_the_hub(tmp_path, name, column):
    images = some_images(6)
    folder = tmp_path / "plain_text"
    folder.mkdir()
    write_parquet(folder / "train-00000-of-00002.parquet", images[:3], [3, 1, 0], column)
    write_parquet(folder / "train-00001-of-00002.parquet", images[3:4], [9], column)
    write_parquet(folder / "test-00000-of-00001.parquet", images[4:], [2, 5], column)
    data = load(name, tmp_path)
    assert np.array_equal(data.train.images, images[:4])
    assert np.array_equal(data.test.images, images[4:])
    assert data.train.labels.tolist() == [3, 1, 0, 9] and data.train.labels.dtype == np.int64
    assert len(data.labels) == (10 if name == "cifar10" else 100)
    assert len(data.mean) == len(data.std) == 3


def test_parquet_files_that_do_not_fit(tmp_path):
    images = some_images(2)
    for split in ("train", "test"):
        write_parquet(tmp_path / f"{split}.parquet", images, [0, 10])
    assert "label 10" in refused("cifar10", tmp_path)
    write_parquet(tmp_path / "train.parquet", images, [0, 1], column="answer")
    assert "columns img, answer" in refused("cifar10", tmp_path)
    write_parquet(tmp_path / "train.parquet", images[:, :16], [0, 1])
    assert "32x16" in refused("cifar10", tmp_path)
    table = arrow.table({"img": [{"bytes": b"no image"}], "label": [1]})
    parquet.write_table(table, tmp_path / "train.parquet")
    assert "row 0" in refused("cifar10", tmp_path)
    (tmp_path / "train.parquet").write_bytes(b"PAR1 cut off")
    assert "not a complete parquet file" in refused("cifar10", tmp_path)


def write_binary(path, images, *labels):
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    columns = [np.asarray(label, dtype=np.uint8)[:, None] for label in labels]
    np.concatenate([*columns, flat], axis=1).tofile(path)


def test_official_binary_files_of_cifar10(tmp_path):
    images = some_images(6)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(5):
        write_binary(folder / f"data_batch_{number + 1}.bin", images[number:number + 1], [number])
    write_binary(folder / "test_batch.bin", images[5:], [9])
    for path in (tmp_path, folder):
        data = load("cifar10", path)
        assert np.array_equal(data.train.images, images[:5])
        assert data.train.labels.tolist() == [0, 1, 2, 3, 4]
        assert data.labels[data.test.labels[0]] == "truck"
    (folder / "data_batch_3.bin").write_bytes(bytes(3000))
    assert "data_batch_3.bin has 3000 bytes" in refused("cifar10", tmp_path)
    (folder / "data_batch_3.bin").unlink()
    assert "data_batch_3.bin" in refused("cifar10", tmp_path)


def test_official_binary_files_of_cifar100(tmp_path):
    images = some_images(3)
    write_binary(tmp_path / "train.bin", images[:2], [0, 1], [98, 99])
    write_binary(tmp_path / "test.bin", images[2:], [0], [7])
    (tmp_path / "fine_label_names.txt").write_text("".join(f"class{n}\n" for n in range(100)))
    data = load("cifar100", tmp_path)
    assert data.train.labels.tolist() == [98, 99]
    assert data.labels[99] == "class99"
    assert np.array_equal(data.test.images, images[2:])


def test_pickled_batches_are_refused_unread(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps({b"data": 0}))
    assert "binary version" in refused("cifar10", tmp_path)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("zoo.data.sets.hub.is_reachable", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    assert "pip install 'genotype-zoo[data]'" in refused("cifar10")


def test_a_folder_with_both_is_refused(tmp_path, monkeypatch):
    """Otherwise the images of one would be read with the labels of the other."""
    monkeypatch.setattr(cifar, "_from_parquet", lambda name, found: found)
    for place in ("a/x", "a/cifar100", "b/x", "b/y", "c/x"):
        (tmp_path / place).mkdir(parents=True)
        for split in ("train", "test"):
            (tmp_path / place / f"{split}.parquet").touch()
    found = cifar.load("cifar100", tmp_path / "a")
    assert found["train"] == [tmp_path / "a/cifar100/train.parquet"]
    assert cifar.load("cifar10", tmp_path / "c")["test"] == [tmp_path / "c/x/test.parquet"]
    assert "b/x and in" in refused("cifar10", tmp_path / "b")
    assert cifar.load("cifar10", tmp_path / "b/y")["test"] == [tmp_path / "b/y/test.parquet"]


# --- folders --------------------------------------------------------------------------------


def write_folder(root, sizes=((10, 8),), mode="RGB", classes=("cat", "dog"),
                 splits=("train", "test")):
    for split in splits:
        for place, name in enumerate(classes):
            (root / split / name).mkdir(parents=True)
            for number, size in enumerate(sizes):
                image = Image.new(mode, size, 40 * (place + 1) if mode == "L" else (place, 20, 30))
                own = (31 * sum(map(ord, split)) + number) % 256  # no image is a copy of another
                image.putpixel((size[0] - 1, size[1] - 1), own if mode == "L" else (own, 20, 30))
                image.save(root / split / name / f"{number}.png")


def test_a_folder_of_images(tmp_path):
    write_folder(tmp_path, splits=("train", "val"))
    data = load("folder", tmp_path)
    assert data.train.images.shape == (2, 8, 10, 3) and data.train.images.dtype == np.uint8
    assert data.train.images[1, 0, 0].tolist() == [1, 20, 30]
    assert data.labels == ["cat", "dog"] and data.test.labels.tolist() == [0, 1]
    assert data.std[1:] == [1.0, 1.0]  # nothing varies there


def test_gray_images_have_one_channel(tmp_path):
    write_folder(tmp_path, mode="L")
    assert load("folder", tmp_path).train.images.shape == (2, 8, 10, 1)


def test_sixteen_bits_are_scaled_without_clipping(tmp_path):
    write_folder(tmp_path, mode="L")
    levels = np.arange(80, dtype=np.uint16).reshape(8, 10) * 800
    Image.fromarray(levels).save(tmp_path / "train" / "cat" / "0.png")
    image = load("folder", tmp_path).train.images[0, ..., 0]
    assert (image == levels // 256).all() and image.max() == 246


def test_images_of_differing_size_are_scaled_when_asked(tmp_path):
    write_folder(tmp_path, sizes=((10, 8), (12, 12)))
    message = refused("folder", tmp_path)
    assert "12x12" in message and "--size" in message
    assert load("folder", tmp_path, size=16).test.images.shape == (4, 16, 16, 3)


def test_images_are_scaled_as_in_prediction(tmp_path):
    write_folder(tmp_path, sizes=((30, 21),))
    files = sorted(tmp_path.glob("test/*/*.png"))
    for number, file in enumerate(files):
        Image.fromarray(np.random.default_rng(number).integers(
            0, 256, (21, 30, 3), dtype=np.uint8)).save(file)
    learned = load("folder", tmp_path, size=8).test.images
    spec = Input(height=8, width=8, channels=3, mean=[0.5] * 3, std=[0.5] * 3, data="folder")
    for pixels, file in zip(learned, files, strict=True):
        assert np.abs(pixels - read_picture(file, spec)).max() <= 0.5
    assert learned.std() > 10


def test_images_are_upright_and_on_white_as_in_prediction(tmp_path):
    write_folder(tmp_path, sizes=((10, 8),) * 3)
    random, exif = np.random.default_rng(0), Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(random.integers(0, 256, (10, 8, 3), np.uint8))
    turned.save(tmp_path / "test" / "cat" / "0.png", exif=exif)
    clear = Image.fromarray(random.integers(0, 256, (8, 10, 4), np.uint8))
    clear.save(tmp_path / "test" / "cat" / "1.png")
    spec = Input(height=8, width=8, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    for name, size in (("folder", None), ("folder", 8), ("imagenet", 8)):
        learned = np.asarray(load(name, tmp_path, size).test.images[:2])
        for number in (0, 1):
            file = tmp_path / "test" / "cat" / f"{number}.png"
            wanted = (read_picture(file, spec.model_copy(update={"data": name})) if size
                      else decode(file))
            assert np.abs(learned[number].astype(np.float32) - wanted).max() <= 0.5
    gray = tmp_path / "gray"
    write_folder(gray, mode="L")
    Image.fromarray(np.full((8, 10, 2), (90, 0), np.uint8)).save(gray / "test/cat/0.png")
    assert (load("folder", gray).test.images[0] == 255).all()


@pytest.mark.parametrize("height, width, wanted", [(16, 16, (16, 16)), (8, 10, (8, 10))])
def test_images_are_scaled_to_the_input_of_a_square_network(tmp_path, height, width, wanted):
    write_folder(tmp_path)
    spec = Input(height=height, width=width, channels=3, mean=[0.5] * 3, std=[0.5] * 3)
    assert load_for(spec, "folder", tmp_path).test.images.shape[1:3] == wanted
    assert load_for(spec, "digits").test.images.shape[1:3] == (8, 8)


@pytest.mark.parametrize("classes, wanted", [
    (("cat",), "1 class folder; a classifier needs at least two"),
    ((), "no folder train/"),
])
def test_folders_with_too_few_classes(tmp_path, classes, wanted):
    write_folder(tmp_path, classes=classes)
    assert wanted in refused("folder", tmp_path)


def test_invalid_folders(tmp_path):
    write_folder(tmp_path, splits=("train",))
    assert "no folder test/" in refused("folder", tmp_path)
    (tmp_path / "test" / "bird").mkdir(parents=True)
    assert "the class bird" in refused("folder", tmp_path)
    (tmp_path / "test" / "bird").rename(tmp_path / "test" / "cat")
    assert "test holds no images" in refused("folder", tmp_path)
    (tmp_path / "test" / "cat" / "a.png").write_bytes(b"not an image")
    assert "a.png is not a readable image" in refused("folder", tmp_path)
    whole = (tmp_path / "train" / "cat" / "0.png").read_bytes()
    (tmp_path / "test" / "cat" / "a.png").write_bytes(whole[:len(whole) // 2])
    assert "a.png" in refused("folder", tmp_path)
    chunk = b"\0\0\0\5\x90)\xe1\xa4"  # an invalid chunk name, for which Pillow raises SyntaxError
    (tmp_path / "test" / "cat" / "a.png").write_bytes(whole[:33] + chunk + whole[41:])
    assert "a.png" in refused("folder", tmp_path)


# --- names and options ----------------------------------------------------------------------


def test_invalid_names_and_options(tmp_path):
    assert "did you mean cifar10" in refused("cifar_10")
    assert "omit --path" in refused("digits", tmp_path)
    assert "not a folder" in refused("cifar10", tmp_path / "absent")
    assert "neither" in refused("cifar10", tmp_path)
    assert "--path" in refused("folder")
    assert "--size" in refused("cifar10", tmp_path, size=8)


# --- augmentation ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "cifar10", "folder"])
def test_augmentation_keeps_shape_and_range(name):
    pixels = torch.rand(16, 1, 8, 8) * 255
    changed = augment(pixels, recipe(name))
    assert changed.shape == pixels.shape
    assert changed.min() >= 0 and changed.max() <= 255.001
    assert not torch.equal(changed, pixels)
    assert torch.equal(augment(pixels, Recipe()), pixels)  # no augmentation requested, none applied


def test_each_change_does_what_it_says():
    torch.manual_seed(0)
    pixels = torch.rand(64, 3, 8, 8) * 255
    flipped = random_flip(pixels)
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(flipped, pixels)]
    assert 10 < sum(mirrored) < 54
    padded = torch.nn.functional.pad(pixels, [2] * 4)
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)
    for image, source in zip(random_crop(pixels, 2), windows.permute(0, 2, 3, 1, 4, 5)):
        assert any(torch.equal(image, window) for window in source.flatten(0, 1))
    holes = (cutout(torch.ones(64, 3, 8, 8), 4) == 0).sum((1, 2, 3))
    assert holes.max() == 3 * 16 and holes.min() >= 3 * 4  # whole inside, a quarter in a corner
    assert torch.allclose(random_affine(pixels, 0, 0, 0, 0), pixels, atol=1e-3)
    thick = random_stroke(pixels, 0.5)
    ordered = pixels[0, 0].flatten().argsort()
    assert torch.all(thick[0, 0].flatten()[ordered].diff() >= 0)


def test_a_shift_is_measured_in_pixels():
    torch.manual_seed(0)
    dot = torch.zeros(256, 1, 9, 9)
    dot[:, :, 4, 4] = 1
    moved = random_affine(dot, 0, 0, 1, 0)[:, 0]
    where = (moved * torch.arange(9)).sum((1, 2)) / moved.sum((1, 2)) - 4
    assert 0.9 < where.abs().max() <= 1.0
