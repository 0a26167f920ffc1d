"""Layouts of image folders: splits by any name, labels in a text file, no splits."""

import logging
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.zoo.data.test_images import refused, write_folder
from zoo.cli import app
from zoo.data.base import DataError, fingerprint
from zoo.data.images import load


@pytest.fixture
def said(caplog):
    """The notes so far."""
    caplog.set_level(logging.WARNING, "zoo")
    return lambda: [record.getMessage() for record in caplog.records]


def picture(file, number):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(file)
    return pixels


def classes(folder, counts, first=0):
    """Write CLASS/NUMBER.png, with a count per class."""
    for name, count in counts.items():
        for number in range(count):
            picture(folder / name / f"{number}.png", first := first + 1)


def sizes(data):
    return [len(split.labels) if split else 0 for split in (data.train, data.valid, data.test)]


# --- splits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["folder", "imagenet"])
@pytest.mark.parametrize("names, wanted", [
    ({"train": 3, "test": 1}, [6, 0, 2]), ({"train": 3, "val": 1}, [6, 0, 2]),
    ({"train": 3, "val": 2, "test": 1}, [6, 4, 2]), ({"Train": 3, "VALID": 1}, [6, 0, 2]),
    ({"training": 3, "validation": 2, "testing": 1}, [6, 4, 2]),
    ({"TRAIN": 3, "dev": 2, "Test": 1}, [6, 4, 2]),
])
def test_splits_in_any_two_or_three_folders_by_any_name(tmp_path, reader, names, wanted, said):
    for number, (name, count) in enumerate(names.items()):
        classes(tmp_path / name, {"cat": count, "dog": count}, 100 * number)
    data = load(reader, tmp_path, 8)
    assert sizes(data) == wanted and data.labels == ["cat", "dog"] and not said()
    last = np.asarray(data.test.images[-1:])[0]
    assert np.array_equal(np.asarray(data.train.images[:1])[0], picture(tmp_path / "x.png", 1)) \
        or reader == "imagenet"
    assert last.shape == (8, 8, 3)


@pytest.mark.parametrize("names, said", [
    (("val", "test"), "has no folder train/; expected train/CLASS"),
    (("train",), "has no folder test/ (or val/) with a folder for each class; add one, or give "
     "--path {0}/train to use a fifth of it as the test set"),
    (("train", "val", "Validation"), "has both Validation/ and val/; remove or rename one of them"),
])
def test_invalid_splits_are_one_line_with_the_remedy(tmp_path, names, said):
    write_folder(tmp_path, splits=names)
    assert said.format(tmp_path) in refused("folder", tmp_path)


def test_the_best_epoch_is_chosen_by_the_validation_folder(tmp_path, said):
    from zoo.recipes.image import Recipe
    from zoo.training.classification import train

    for number, name in enumerate(("train", "val", "test")):
        classes(tmp_path / "mine" / name, {"cat": 4, "dog": 4}, 100 * number)
    data = load("folder", tmp_path / "mine")
    recipe = Recipe(channels=4, layers=3, epochs=2, batch_size=4, auxiliary_weight=0)
    manifest = train("DARTS", data, recipe, tmp_path / "run", device="cpu")
    history = (tmp_path / "run" / "history.jsonl").read_text()
    assert history.count("valid_accuracy") == 2 and manifest.metrics["images"] == 8
    without = load("folder", tmp_path / "mine")
    assert fingerprint(without) == fingerprint(data)
    shutil.rmtree(tmp_path / "mine" / "val" / "cat")
    assert fingerprint(load("folder", tmp_path / "mine")) != fingerprint(data)
    said()
    train("DARTS", data, recipe.but(validation=0.25), tmp_path / "other", device="cpu")
    assert "the 8 validation images of folder are not used: --validation holds out training " \
        "images instead" in said()
    assert '"images": 6' in (tmp_path / "other" / "history.jsonl").read_text()


@pytest.mark.parametrize("inside", ["", "images"])
def test_a_test_folder_without_labels_is_skipped_with_a_note(tmp_path, inside, said):
    write_folder(tmp_path, splits=("train", "val"))
    for number in range(3):
        picture(tmp_path / "test" / inside / f"{number}.png", number)
    assert sizes(load("folder", tmp_path)) == [2, 0, 2]
    assert said() == [f"{tmp_path / 'test'} is ignored: it has no class folders or other labels "
                      "for its 3 pictures"]
    shutil.rmtree(tmp_path / "val")
    assert "has no folder test/ (or val/) with a folder for each class" in refused(
        "folder", tmp_path)


# --- tiny-imagenet ----------------------------------------------------------------------------


def tiny_imagenet(path, lines, slash="/"):
    for number, name in enumerate(("n01", "n02")):
        classes(path / "train" / name, {"images": 3}, 10 * number)
        (path / "train" / name / f"{name}_boxes.txt").write_text("0.png\t0\t0\t1\t1\n")
    for number in range(4):
        picture(path / "val" / "images" / f"val_{number}.png", 100 + number)
        picture(path / "test" / "images" / f"test_{number}.png", 200 + number)
    (path / "val" / "val_annotations.txt").write_bytes(lines.encode())


ANNOTATED = ["val_0.png\tn02\t0\t0\t1\t1", "val_1.JPEG\tn01", "images\\val_2.png\tn01\t0",
             "images/val_3.png\tn02"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tiny_imagenet(tmp_path, said, end):
    tiny_imagenet(tmp_path, end.join([*ANNOTATED, ""]))
    data = load("folder", tmp_path)
    assert data.labels == ["n01", "n02"] and sizes(data) == [6, 0, 4]
    for image, label, number in zip(data.test.images, data.test.labels, (1, 2, 0, 3)):
        assert np.array_equal(image, picture(tmp_path / "x.png", 100 + number))
        assert label == (number in (0, 3))
    flat, left_out = said()
    assert "test is ignored" in flat
    assert "read 10 images and ignored 2 others" in left_out
    assert "train/n01/n01_boxes.txt" in left_out
    assert "annotations" not in left_out


def test_missing_and_surplus_annotations_are_noted(tmp_path, said):
    tiny_imagenet(tmp_path, "\n".join([*ANNOTATED[:2], "val_9.png\tn01", "val_2.jpg\tn02"]))
    assert sizes(load("folder", tmp_path)) == [6, 0, 3]
    missing, left_out = (line for line in said() if "test is ignored" not in line)
    assert missing.endswith("val_annotations.txt names 1 picture that is missing: val_9.png")
    assert "val/images/val_3.png" in left_out


@pytest.mark.parametrize("lines, said", [
    ("val_0.png n01", "line 1 is not a picture's name, a tab and its class"),
    ("val_0.png\tn03", "has the class n03, which {0}/train lacks, and {0}/train has n01, n02"),
    ("nothing.png\tn01", "val holds no images"), ("", "val holds no images"),
])
def test_annotations_that_do_not_fit_are_one_line(tmp_path, lines, said):
    tiny_imagenet(tmp_path, lines)
    assert said.format(tmp_path) in refused("folder", tmp_path)


# --- one folder of classes --------------------------------------------------------------------


def test_one_folder_of_classes_is_split_with_a_note(tmp_path, said):
    classes(tmp_path, {"cat": 10, "dog": 6, "train": 1})  # a class may have that name
    data = load("folder", tmp_path)
    assert data.labels == ["cat", "dog", "train"]
    assert np.bincount(data.train.labels).tolist() == [8, 5, 1]
    assert np.bincount(data.test.labels).tolist() == [2, 1]
    told, lacking = said()
    assert told == (f"{tmp_path} has no train/ and test/: a fifth of each class, 3 of 17 images, "
                    "is the test set (always the same, seed 0)")
    assert "no test images of the class train" in lacking
    whole = {image.tobytes() for split in (data.train, data.test) for image in split.images}
    assert len(whole) == 17
    again = load("imagenet", tmp_path, 8)
    assert np.array_equal(again.test.labels, data.test.labels)
    picture(tmp_path / "cat" / "one more.png", 99)  # the others stay where they are
    more = load("folder", tmp_path)
    assert {image.tobytes() for image in data.test.images} & {
        image.tobytes() for image in more.train.images} == set()


def test_a_training_and_its_evaluation_split_alike(tmp_path):
    classes(tmp_path / "mine", {"cat": 10, "dog": 10})
    words = ["train", "DARTS", "--data", "folder", "--path", tmp_path / "mine", "--channels", 4,
             "--layers", 3, "--epochs", 2, "--validation", 0.25, "--seed", 5, "--batch-size", 4,
             "--device", "cpu", "-o", tmp_path / "run"]
    trained = CliRunner().invoke(app, list(map(str, words)))
    assert trained.exit_code == 0, trained.output
    assert "mine: 2 classes (cat, dog), 16 training and 4 test images\n" in trained.stderr
    assert "a fifth of each class, 4 of 20 images" in trained.stderr
    assert '"images": 12' in (tmp_path / "run" / "history.jsonl").read_text()
    said = CliRunner().invoke(app, ["eval", str(tmp_path / "run"), "--path",
                                    str(tmp_path / "mine")])
    assert said.exit_code == 0, said.output
    assert trained.stdout.partition(": ")[2].partition(" of 4 test images")[0] in said.stdout


@pytest.mark.parametrize("counts, said", [
    ({"cat": 3}, "1 class folder; a classifier needs at least two"),
    ({"cat": 1, "dog": 1}, "has one picture per class"),
])
def test_one_folder_with_too_few_images(tmp_path, counts, said):
    classes(tmp_path, counts)
    assert said in refused("folder", tmp_path)


def test_an_empty_class_of_one_folder_is_named(tmp_path):
    classes(tmp_path, {"cat": 3, "dog": 3})
    (tmp_path / "hen").mkdir()
    assert "hen holds no images" in refused("folder", tmp_path)


# --- nested and misplaced ---------------------------------------------------------------------


@pytest.mark.parametrize("place", ["train/pets", "pets"])
def test_nested_class_folders_are_refused_with_the_remedy(tmp_path, place):
    classes(tmp_path / place, {"cat": 2, "dog": 2})
    if place != "pets":
        classes(tmp_path / "train", {"hen": 2})
        write_folder(tmp_path, splits=("test",))
    split = tmp_path / "train" if place != "pets" else tmp_path
    assert refused("folder", tmp_path).startswith(
        f"{tmp_path / place} holds the folders cat, dog and no pictures; a class is a "
        f"folder directly in {split}, so move those with pictures there")


def test_a_folder_that_was_unpacked_into_another_is_named(tmp_path):
    write_folder(tmp_path / "a" / "mine")
    assert refused("folder", tmp_path / "a") == (
        f"{tmp_path / 'a'} has no folder train/, but {tmp_path / 'a' / 'mine'} does; give that "
        "as --path")


def test_pictures_in_no_folder(tmp_path):
    picture(tmp_path / "cat.1.png", 0)
    assert "its pictures are not in class folders; move those of each class to a folder" in refused(
        "folder", tmp_path)


# --- copies, sizes, damage --------------------------------------------------------------------


def test_copies_of_training_images_in_the_test_set_are_noted(tmp_path, said):
    classes(tmp_path / "train", {"cat": 4, "dog": 4})
    classes(tmp_path / "test", {"cat": 3, "dog": 3}, 100)
    assert load("folder", tmp_path) and not said()
    shutil.copyfile(tmp_path / "train/cat/0.png", tmp_path / "test/cat/0.png")
    Image.open(tmp_path / "train/dog/1.png").save(tmp_path / "test/dog/2.bmp")  # other bytes
    load("folder", tmp_path, size=4)
    assert said() == [f"{tmp_path}: 2 of 7 test images are copies of training images, which "
                      "inflates the accuracy: test/cat/0.png = train/cat/0.png, test/dog/2.bmp = "
                      "train/dog/1.png"]


def test_images_that_do_not_fit_in_memory_are_refused(tmp_path):
    write_folder(tmp_path)
    with pytest.raises(ValueError, match=r"4 images of 100000x100000 take about 180.0 GB of "
                       r"memory, and [\d.]+ [GM]B is free; give a smaller --size"):
        load("folder", tmp_path, size=100_000)


@pytest.mark.parametrize("damage, said", [
    (lambda raw: b"not an image", "is not a readable image"),
    (lambda raw: raw[:len(raw) // 2], "is not a readable image"),
    (lambda raw: b"", "is empty"),
])
def test_folders_and_single_pictures_are_refused_in_the_same_words(tmp_path, damage, said):
    from zoo.data.pictures import PictureError, decode

    write_folder(tmp_path, sizes=((30, 30),))
    file = tmp_path / "test" / "dog" / "0.png"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(PictureError) as alone:
        decode(file)
    with pytest.raises(DataError) as lazy:
        np.asarray(load("imagenet", tmp_path, 8).test.images)
    assert refused("folder", tmp_path) == str(alone.value) == str(lazy.value)
    assert str(alone.value).startswith(f"{file} {said}")
    assert str(alone.value).endswith("; get it again, or remove it")


def test_a_picture_over_the_limit_is_not_called_unreadable(tmp_path):
    from zoo.data.pictures import decode

    write_folder(tmp_path)
    file = tmp_path / "train" / "cat" / "huge.png"
    Image.new("1", (20_000, 20_000)).save(file)
    said = f"{file} has 400,000,000 pixels, over the limit of 178,956,970; scale it down"
    assert refused("folder", tmp_path, size=8).startswith(said)
    with pytest.raises(DataError, match="over the limit"):
        decode(file)
