"""A user's images are read as they are, and whatever is wrong is told in one line."""

import numpy as np
import pytest
from PIL import Image

from kerasbio.datasets.files.image_files import read_image
from kerasbio.datasets.files.image_folder import ImageFolder
from kerasbio.errors import KerasbioError

RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def write(path, pixels=RAMP, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **settings)
    return path


@pytest.fixture
def folder(tmp_path):
    for label in ("benign", "malignant"):
        for subject in range(3):
            for view in range(2):
                write(tmp_path / label / f"{label[0]}{subject}_{view}.png", RAMP + subject)
    return tmp_path


def refused(path, *words):
    with pytest.raises(KerasbioError) as error:
        ImageFolder(path)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_folders(folder):
    (folder / "benign" / ".DS_Store").write_text("x")
    (folder / "benign" / "Thumbs.db").write_text("x")
    cases = ImageFolder(folder)
    assert len(cases) == 12 and cases.classes == ("benign", "malignant") and cases.channels == 1
    assert sorted(set(cases.subjects)) == ["b0", "b1", "b2", "m0", "m1", "m2"]
    np.testing.assert_array_equal(cases[2]["image"][..., 0], RAMP + 1)
    assert cases[2]["label"] == 0 and cases[2]["subject"] == "b1"


def test_subject_is_the_name_where_there_is_no_underscore(tmp_path):
    for label in ("a", "b"):
        for k in range(3):
            write(tmp_path / label / f"{label}-{k}.png")
    assert ImageFolder(tmp_path).subjects[0] == "a-0"


def test_sixteen_bit_colour_is_not_cut_in_silence(tmp_path):
    import struct
    import zlib

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + struct.pack(">6H", *range(0, 60000, 10000)) for _ in range(2))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 2, 2, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(KerasbioError, match="several channels of 16 bit.*save it as 16 bit grey"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit(tmp_path, ending):
    pixels = (np.arange(48).reshape(6, 8) * 1300).astype(np.uint16)
    found = read_image(write(tmp_path / f"x.{ending}", pixels))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[..., 0], pixels)


def test_float_tiff_jpeg_palette_and_colour(tmp_path):
    values = RAMP.astype(np.float32) / 7
    np.testing.assert_array_equal(read_image(write(tmp_path / "f.tiff", values))[..., 0], values)
    assert read_image(write(tmp_path / "g.jpg")).shape == (6, 8, 1)
    colour = np.stack([RAMP, RAMP[::-1], RAMP], -1)
    assert read_image(write(tmp_path / "c.png", colour)).shape == (6, 8, 3)
    assert read_image(write(tmp_path / "grey.png", np.stack([RAMP] * 3, -1))).shape == (6, 8, 1)
    Image.fromarray(colour).convert("P").save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png").shape == (6, 8, 3)
    alpha = np.concatenate([colour, np.full((6, 8, 1), 9, np.uint8)], -1)
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", alpha)), colour)


def test_orientation_of_a_camera(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(write(tmp_path / "x.jpg", exif=exif)).shape == (8, 6, 1)


def test_colour_only_where_every_image_has_it(folder):
    colour = np.stack([RAMP, RAMP[::-1], RAMP], -1)
    write(folder / "benign" / "b9_0.png", colour)
    cases = ImageFolder(folder)
    index = [str(f).endswith("b9_0.png") for f in cases.files].index(True)
    expected = colour @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(cases[index]["image"][..., 0], expected, rtol=1e-5)


def test_table(tmp_path):
    for k in range(6):
        write(tmp_path / "files" / f"é {k}.png")
    rows = [f"files/é {k}.png,{'ab'[k % 2]},p{k // 2}" for k in range(6)]
    (tmp_path / "labels.csv").write_text("file,label,subject\n" + "\n".join(rows))
    cases = ImageFolder(tmp_path)
    assert cases.labels.tolist() == [0, 1] * 3
    assert cases.subjects.tolist() == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert cases.notes == []


def test_columns_of_a_table_in_any_case_and_a_note_where_nobody_is_told_apart(tmp_path):
    for k in range(4):
        write(tmp_path / f"{k}.png")
    rows = [f"{k}.png,{'ab'[k % 2]},p{k // 2}" for k in range(4)]
    (tmp_path / "labels.csv").write_text("File, Label ,SUBJECT\n" + "\n".join(rows))
    assert ImageFolder(tmp_path).subjects.tolist() == ["p0", "p0", "p1", "p1"]
    (tmp_path / "labels.csv").write_text("file,label,patient\n" + "\n".join(rows))
    cases = ImageFolder(tmp_path)
    assert len(set(cases.subjects)) == 4
    (note,) = cases.notes
    assert "labels.csv has no column 'subject': each file counts as a subject" in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,class\nx.png,a\n", ("lacks the column 'label'", "file,label,")),
        ("file,label\nmissing.png,a\n", ("line 2", "missing.png does not exist")),
        ("file,label\nx.png,\n", ("line 2", "both be given")),
        ("file,label\nx.png,a\nx.png,b\n", ("x.png 2 times",)),
        ("file,label\nx.png,a\nsub/../x.png,b\n", ("x.png 2 times",)),
        ("file,label\n../x.png,a\n", ("lies outside",)),
        ("file,label\n", ("holds no row",)),
    ],
)
def test_wrong_tables(tmp_path, text, words):
    write(tmp_path / "x.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "labels.csv").write_text(text)
    refused(tmp_path, *words)


def png():
    import io

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("bad_0.png is empty (0 bytes)",)),
        (b"not an image at all", ("bad_0.png is no PNG, JPEG or TIFF",)),
        (png()[:-900], ("bad_0.png", "replace or remove")),
        (png()[:500] + b"\0" * 40 + png()[540:], ("bad_0.png", "replace or remove")),
    ],
)
def test_broken_images(folder, content, words):
    (folder / "benign" / "bad_0.png").write_bytes(content)
    refused(folder, *words)


def test_a_truncated_tiff_is_one_error_and_no_warning(folder):
    bad = folder / "benign" / "bad_0.tif"
    Image.fromarray(RAMP).save(bad, compression="tiff_lzw")
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    refused(folder, "bad_0.tif", "replace or remove")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_image(folder, value):
    pixels = RAMP.astype(np.float32)
    pixels[2, 3] = value
    write(folder / "benign" / "bad_0.tif", pixels)
    refused(folder, "bad_0.tif holds NaN or infinity")


def test_pages_are_not_guessed(folder):
    page = Image.fromarray(RAMP)
    page.save(folder / "benign" / "bad_0.tif", save_all=True, append_images=[page])
    refused(folder, "bad_0.tif has 2 pages", "split it")


def test_decompression_bomb(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    refused(folder, "more than 40 pixels")


def test_wrong_folders(tmp_path, folder):
    refused(tmp_path / "absent", "absent does not exist", "give a folder")
    refused(folder / "benign" / "b0_0.png", "is a file")
    (folder / "empty").mkdir()
    refused(folder, "empty holds no image", "fill or remove")


def test_empty_folder(tmp_path):
    refused(tmp_path, "neither folders of images, one per class, nor a labels.csv")


def test_one_class_and_a_class_of_one(tmp_path):
    for k in range(3):
        write(tmp_path / "a" / f"{k}.png")
    refused(tmp_path, "only the class 'a'", "two classes")
    write(tmp_path / "b" / "z.png")
    refused(tmp_path, "class 'b'", "one image")


def test_subject_in_two_classes(folder):
    write(folder / "malignant" / "b0_7.png")
    refused(folder, "subject 'b0' is in two classes", "b0_0.png", "b0_7.png")
