"""Images from IDX files, archives and folders; each error names the file and says what is possible."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gradwell.errors import DataError, OptionError
from gradwell.vision import read
from gradwell.vision.reading import to_predict


def idx(array):
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pixels(count=6, side=5, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), np.uint8)


def write_idx(folder, images, labels, part="train", packed=True):
    for what, data in (("images-idx3", images), ("labels-idx1", labels)):
        name = f"{part}-{what}-ubyte{'.gz' if packed else ''}"
        (folder / name).write_bytes(gzip.compress(idx(data)) if packed else idx(data))


def write_folder(folder, modes=("L", "L", "L", "L"), sizes=((5, 5),) * 4):
    for i, (mode, size) in enumerate(zip(modes, sizes, strict=True)):
        place = folder / ("cat" if i < 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(1, max(size), i)[0, : size[1], : size[0]]).convert(mode).save(place / f"{i}.png")


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_by_part(tmp_path, packed):
    train, test = pixels(6), pixels(4, seed=1)
    write_idx(tmp_path, train, [0, 1, 2, 0, 1, 2], packed=packed)
    write_idx(tmp_path, test, [2, 1, 0, 0], "t10k", packed=packed)
    found = read(tmp_path)
    assert np.array_equal(found.pixels[:, 0], train)
    assert (found.labels.tolist(), found.classes) == ([0, 1, 2, 0, 1, 2], ("0", "1", "2"))
    assert np.array_equal(read(tmp_path, "test").pixels[:, 0], test)
    alone = next(tmp_path.glob("t10k-images*"))
    assert read(alone).labels.tolist() == [2, 1, 0, 0]


@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 6))
def test_any_idx_file_comes_back_as_it_went_in(tmp_path_factory, count, height, width):
    folder = tmp_path_factory.mktemp("idx")
    data = np.random.default_rng(count).integers(0, 256, (count, height, width), np.uint8)
    (folder / "x-ubyte").write_bytes(idx(data))
    from gradwell.vision.idx import array

    assert np.array_equal(array(folder / "x-ubyte"), data)


@pytest.mark.parametrize("names", [("x_{}", "y_{}"), ("{}_images", "{}_labels")])
def test_an_archive_is_read_by_part(tmp_path, names):
    parts = {"train": pixels(6), "test": pixels(4, seed=1)}
    labels = {"train": [0, 1, 0, 1, 0, 1], "test": [1, 0, 1, 0]}
    np.savez(tmp_path / "a.npz", **{names[0].format(p): parts[p] for p in parts}, **{names[1].format(p): labels[p] for p in parts})
    for part in parts:
        found = read(tmp_path / "a.npz", part)
        assert np.array_equal(found.pixels[:, 0], parts[part])
        assert found.labels.tolist() == labels[part]


def test_shares_of_white_and_channels_last_are_understood(tmp_path):
    colour = np.random.default_rng(0).random((4, 5, 6, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", images=colour, labels=["a", "b", "a", "b"])
    found = read(tmp_path / "a.npz")
    assert found.shape == (3, 5, 6)
    assert np.array_equal(found.pixels, np.round(colour * 255).astype(np.uint8).transpose(0, 3, 1, 2))
    assert found.classes == ("a", "b")


def test_a_folder_of_images_for_each_class_is_read_by_name(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    found = read(tmp_path)
    assert (found.labels.tolist(), found.classes, found.shape) == ([0, 0, 1, 1], ("cat", "dog"), (1, 5, 5))
    assert found.called(2) == str(tmp_path / "dog" / "2.png")
    assert np.array_equal(found.pixels[2, 0], pixels(1, 5, 2)[0])


def test_a_divided_folder_is_read_by_part(tmp_path):
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "val", modes=("L",) * 4)
    assert "train" in read(tmp_path).called(0)
    assert "val" in read(tmp_path, "test").called(0)


def test_size_and_channels_make_different_images_alike(tmp_path):
    write_folder(tmp_path, ("L", "RGB", "RGBA", "P"), ((5, 5), (6, 5), (9, 9), (4, 7)))
    assert read(tmp_path, size=8, channels=3).pixels.shape == (4, 3, 8, 8)
    assert read(tmp_path, size=8, channels=1).pixels.shape == (4, 1, 8, 8)
    np.savez(tmp_path / "a.npz", x=pixels(4, 5), y=[0, 1, 0, 1])
    assert read(tmp_path / "a.npz", size=8, channels=3).pixels.shape == (4, 3, 8, 8)


@pytest.mark.parametrize(
    ("modes", "sizes", "words"),
    [
        (("L",) * 4, ((5, 5), (5, 5), (6, 5), (5, 5)), r"dog/2.png is 6 x 5 pixels and .*cat/0.png 5 x 5; --size N scales all"),
        (("L", "RGB", "L", "L"), ((5, 5),) * 4, r"cat/1.png is in colour and .*cat/0.png grey; --channels 1 or 3"),
        (("L", "L", "L", "RGBA"), ((5, 5),) * 4, r"dog/3.png has RGBA pixels; choose with --channels"),
    ],
)  # fmt: skip
def test_images_that_differ_are_named(tmp_path, modes, sizes, words):
    write_folder(tmp_path, modes, sizes)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_a_damaged_image_is_named(tmp_path):
    write_folder(tmp_path)
    whole = (tmp_path / "dog" / "3.png").read_bytes()
    for data in (b"", b"no image", whole[: len(whole) // 2]):
        (tmp_path / "dog" / "3.png").write_bytes(data)
        with pytest.raises(DataError, match=r"dog/3.png cannot be read: it is damaged, or no image"):
            read(tmp_path)


def bad_folder(make, words):
    return pytest.param(make, words, id=words[:30])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        bad_folder(lambda f: f.rmdir(), "is not there; give IDX files, an npz, or a folder"),
        bad_folder(lambda f: None, "has no folder for each class"),
        bad_folder(lambda f: Image.new("L", (3, 3)).save(f / "a.png"), "its 1 images are in no folder"),
        bad_folder(lambda f: (f / "cat").mkdir(), "cat holds no images; their names end in .png"),
        bad_folder(lambda f: write_idx(f, pixels(3), [0, 1]), "has 3 images and train-labels-idx1-ubyte.gz 2 labels"),
        bad_folder(lambda f: (f / "train-images-idx3-ubyte").write_bytes(idx(pixels(3))), "belong beside it in train-labels-idx1-ubyte"),
        bad_folder(lambda f: (f / "train-images-idx3-ubyte").write_bytes(idx(pixels(3))[:-1]), "header tells of 3 x 5 x 5 bytes, and 74"),
        bad_folder(lambda f: (f / "train-images-idx3-ubyte").write_bytes(b"PNG"), "is no IDX file of bytes"),
        bad_folder(lambda f: (f / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels(3)))[:-9]), "it is damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_named(tmp_path, make, words):
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder)
    with pytest.raises(DataError, match=words):
        read(folder)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.zeros(3)}, "holds a; images and labels must be called x_train and y_train"),
        ({"x": np.zeros((2, 5, 5)), "y": [0]}, "has 2 images and 1 labels"),
        ({"x": np.zeros((2, 5, 5))}, "has images, but no labels"),
        ({"x": np.full((2, 5, 5), -1.0), "y": [0, 1]}, "goes from -1 to -1; pixels go from 0 to 255"),
        ({"x": np.zeros((2, 5, 5, 7)), "y": [0, 1]}, "is 2 x 5 x 5 x 7; images are"),
        ({"x": np.zeros((0, 5, 5)), "y": []}, "holds no images"),
    ],
)  # fmt: skip
def test_an_archive_that_does_not_fit_is_named(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=words):
        read(tmp_path / "a.npz")


def test_a_label_of_no_class_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels(2), y=["cat", "cow"])
    with pytest.raises(DataError, match="has the class 'cow'; there are only cat, dog"):
        read(tmp_path / "a.npz", classes=("cat", "dog"))


def test_numbers_stand_for_the_classes_in_their_order(tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels(3), y=[1, 0, 1])
    assert read(tmp_path / "a.npz", classes=("cat", "dog")).labels.tolist() == [1, 0, 1]


def test_there_are_two_parts(tmp_path):
    with pytest.raises(OptionError, match="part is 'valid'; it can be train or test"):
        read(tmp_path, "valid")


def test_what_can_be_read_is_predicted_and_the_rest_is_named(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "dog" / "3.png").write_bytes(b"")
    found, wrong = to_predict([tmp_path, tmp_path / "no.png"], 0, 0)
    assert len(found) == 3
    assert len(wrong) == 2
    assert "3.png cannot be read" in wrong[0]
    assert "no.png cannot be read: No such file" in wrong[1]


def test_one_in_twelve_of_each_class_is_held_out(tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels(72), y=np.arange(72) % 3)
    images = read(tmp_path / "a.npz")
    kept, out = images.held_out()
    assert np.bincount(out.labels).tolist() == [2, 2, 2]
    assert np.bincount(kept.labels).tolist() == [22, 22, 22]
    rows = {row.tobytes() for row in np.concatenate((kept.pixels, out.pixels))}
    assert rows == {row.tobytes() for row in images.pixels}
