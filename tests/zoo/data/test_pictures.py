"""From image files to pixels: shape, arithmetic, orientation, transparency, and `zoo predict`."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from zoo.artifact import folder as artifact
from zoo.artifact.manifest import Input, Manifest
from zoo.cli import app
from zoo.create import create_model
from zoo.data.pictures import PictureError, area_average, brightness, decode, read_picture
from zoo.data.sets import cifar
from zoo.weights import WEIGHTS, save_weights

CIFAR = Input(height=32, width=32, channels=3, mean=[0.5] * 3, std=[0.5] * 3, data="cifar10")


def noise(height, width, channels=3):
    return np.random.default_rng(height * width).integers(
        0, 256, (height, width, channels), dtype=np.uint8)


def test_whole_blocks_are_their_mean():
    pixels = noise(96, 64)
    blocks = pixels[16:80].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.array_equal(area_average(pixels, 32, 32), blocks.astype(np.float32))


@pytest.mark.parametrize("size", [(50, 33), (97, 200), (31, 31), (5, 3), (1, 1)])
def test_partial_pixels_count_in_proportion(size):
    """With every pixel repeated `side` times, areas hold whole pixels and have a plain mean."""
    pixels = noise(*size)
    side = 7
    found = area_average(pixels, side, side)
    cut = min(size)
    top, left = (size[0] - cut) // 2, (size[1] - cut) // 2
    large = pixels[top:top + cut, left:left + cut].repeat(side, 0).repeat(side, 1)
    plain = large.reshape(side, cut, side, cut, 3).mean(axis=(1, 3), dtype=np.float64)
    assert np.abs(found - plain).max() < 1e-4
    assert found.dtype == np.float32 and found.shape == (side, side, 3)


def test_images_of_the_requested_size_are_unchanged():
    assert np.array_equal(area_average(noise(32, 32), 32, 32), noise(32, 32))


def test_images_that_are_not_square():
    assert area_average(noise(60, 60), 10, 20).shape == (10, 20, 3)
    stripes = np.zeros((8, 8, 1), np.uint8)
    stripes[3:5] = 200
    assert (area_average(stripes, 1, 4) == 200).all()


@pytest.mark.parametrize("turned", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, turned):
    image = Image.fromarray(noise(40, 60))
    exif = Image.Exif()
    exif[0x0112] = turned
    image.save(tmp_path / "x.png", exif=exif)
    assert decode(tmp_path / "x.png").shape == ((40, 60, 3) if turned < 5 else (60, 40, 3))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of each
def test_damaged_exif_is_ignored(tmp_path):
    """None of some hundred damaged EXIF blocks may make the image unreadable."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "a camera", {0x9003: "2026:11:26 00:00:00"}
    content = io.BytesIO()
    Image.fromarray(noise(40, 60)).save(content, "jpeg", exif=exif)
    content, random = content.getvalue(), np.random.default_rng(0)
    start, end = content.index(b"Exif") + 6, content.index(b"Exif") + len(exif.tobytes())
    shapes = set()
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[random.integers(start, end)] = random.integers(256)
        (tmp_path / "x.jpg").write_bytes(damaged)
        shapes.add(decode(tmp_path / "x.jpg").shape)
    assert shapes == {(40, 60, 3), (60, 40, 3)}


def test_transparent_pixels_are_white(tmp_path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[0, :, 3] = 255
    pixels[1, 1, 3] = 128
    Image.fromarray(pixels).save(tmp_path / "x.png")
    found = decode(tmp_path / "x.png")
    assert found[0, 0].tolist() == [200, 0, 0] and found[1, 0].tolist() == [255] * 3
    assert found[1, 1].tolist() == [227, 127, 127]


def test_gray_and_deep_pictures(tmp_path):
    Image.fromarray(noise(9, 9, 1)[..., 0]).save(tmp_path / "gray.png")
    assert np.array_equal(decode(tmp_path / "gray.png"), np.repeat(noise(9, 9, 1), 3, axis=2))
    deep = (noise(9, 9, 1)[..., 0].astype(np.uint16)) * 256 + 255
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(decode(tmp_path / "deep.png")[..., :1], noise(9, 9, 1))
    gray = Input(height=9, width=9, channels=1, mean=[0.5], std=[0.5])
    assert np.array_equal(read_picture(tmp_path / "gray.png", gray), noise(9, 9, 1))


def test_brightness_is_that_of_pillow():
    pixels = noise(64, 64)
    plain = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.array_equal(brightness(pixels)[..., 0], plain)


@pytest.mark.parametrize("end, what", [
    (b"<svg></svg>", "is an SVG drawing"), (b"<p></p>", "is a web page")])
def test_a_drawing_may_follow_any_number_of_comments(end, what, tmp_path):
    (tmp_path / "x.png").write_bytes(b"<!-- a -> b - -->\n" * 1000 + end)
    with pytest.raises(PictureError, match=f"x.png {what}"):
        decode(tmp_path / "x.png")


def test_files_that_are_not_images(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    with pytest.raises(PictureError, match="x.jpg is not a readable image .* or remove it"):
        read_picture(tmp_path / "x.jpg", CIFAR)
    Image.fromarray(noise(30, 20)).save(tmp_path / "x.avif")
    head, _, colors = (tmp_path / "x.avif").read_bytes().partition(b"mdat")
    (tmp_path / "x.avif").write_bytes(head + b"mdat" + bytes(len(colors)))
    with pytest.raises(PictureError, match="x.avif is not a readable image"):
        read_picture(tmp_path / "x.avif", CIFAR)
    with pytest.raises(FileNotFoundError, match="there is no picture .*y.jpg"):
        read_picture(tmp_path / "y.jpg", CIFAR)
    Image.fromarray(noise(30, 20)).save(tmp_path / "z.png")
    digits = Input(height=8, width=8, channels=1, mean=[0.3], std=[0.3], data="digits")
    with pytest.raises(PictureError, match="z.png is 20x30; a network of digits.*zoo demo"):
        read_picture(tmp_path / "z.png", digits)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An artifact of an image network, as written by `zoo train`."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    torch.manual_seed(0)
    model = create_model("DARTS", channels=4, layers=3)
    with artifact.writing(folder) as place:
        from zoo.genotypes.serialization import to_json

        save_weights(model, place / WEIGHTS)
        (place / "genotype.json").write_text(to_json(model.genotype))
        artifact.finalize(place, Manifest(
            name="tiny", genotype="DARTS", network={"kind": "cifar", **model.settings},
            input=CIFAR, labels=cifar.CIFAR10_LABELS, trained=True, parameters=1))
    return folder


def test_predict(tmp_path, trained):
    Image.fromarray(noise(70, 50)).save(tmp_path / "x.png")
    Image.fromarray(noise(50, 90)).save(tmp_path / "y.jpg")
    arguments = ["predict", str(trained), str(tmp_path / "x.png"), str(tmp_path / "y.jpg")]
    shown = CliRunner().invoke(app, [*arguments, "--top", "2"])
    assert shown.exit_code == 0, shown.output
    told = [json.loads(line) for line in
            CliRunner().invoke(app, [*arguments, "--json"]).output.splitlines()]
    assert [row["picture"] for row in told] == arguments[2:]
    for line, row in zip(shown.output.splitlines()[1:], told):
        shares = row["probabilities"]
        assert abs(sum(shares.values()) - 1) < 1e-6 and list(shares) == cifar.CIFAR10_LABELS
        best = sorted(shares, key=shares.get, reverse=True)[:2]
        assert line.endswith(", ".join(f"{name} {shares[name]:.1%}" for name in best))


def test_predict_skips_files_of_macos(tmp_path, trained):
    Image.fromarray(noise(70, 50)).save(tmp_path / "x.png")
    (tmp_path / "._x.png").write_bytes(b"\0\5\x16\7")
    result = CliRunner().invoke(app, ["predict", str(trained), str(tmp_path / "._x.png"),
                                      str(tmp_path / "x.png"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["picture"] == str(tmp_path / "x.png")
    assert result.stderr == ("note: ignored 1 with macOS metadata of other files: "
                             f"{tmp_path / '._x.png'}\n")
    alone = CliRunner().invoke(app, ["predict", str(trained), str(tmp_path / "._x.png")])
    assert alone.exit_code == 1 and "._x.png holds macOS metadata" in alone.output


def test_predict_reports_errors(tmp_path, trained):
    def told(*arguments):
        result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
        assert result.exit_code == 1
        return result.output

    assert "error: there is no picture" in told(trained, tmp_path / "x.png")
    assert "is not an artifact folder" in told(tmp_path, tmp_path / "x.png")
    assert "--top must be at least 1" in told(trained, tmp_path / "x.png", "--top", 0)


def test_predict_continues_after_a_bad_file(tmp_path, trained):
    Image.fromarray(noise(70, 50)).save(tmp_path / "x.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "x.png").read_bytes()[:200])
    names = ["bad.png", "x.png", "none.png", "huge.png", "x.png"]
    for form in ([], ["--json"]):
        result = CliRunner().invoke(app, ["predict", str(trained), *(
            str(tmp_path / name) for name in names), *form])
        assert result.exit_code == 1
        assert [line.partition("; ")[0] for line in result.stderr.splitlines()] == [
            f"error: {tmp_path / 'bad.png'} is not a readable image (damaged, truncated or of "
            "another kind)", f"error: there is no picture {tmp_path / 'none.png'}",
            f"error: {tmp_path / 'huge.png'} has 400,000,000 pixels, over the limit of 178,956,970"]
        assert result.stdout.count(str(tmp_path / "x.png")) == 2
