"""What is done to training images."""

import torch

from gradwell.vision.augment import augmented, blotted, moved
from gradwell.vision.options import Options

NOTHING = Options(shift=0.0, erase=0.0)


def images(count=64, side=12):
    return torch.randint(1, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_without_options_images_stay_as_they_are():
    assert augmented(images(), NOTHING).equal(images())


def test_about_half_of_the_images_are_mirrored():
    torch.manual_seed(0)
    x, y = images(400), augmented(images(400), NOTHING.with_(flip=True))
    same, mirrored = ((a == y).flatten(1).all(1) for a in (x, x.flip(3)))
    assert (same ^ mirrored).all()
    assert 0.4 < mirrored.float().mean() < 0.6


def test_a_moved_image_is_the_same_further_on():
    torch.manual_seed(0)
    x = images(200)
    y = moved(x, 2)
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    fits = torch.stack([(padded[:, :, i:i + 12, j:j + 12] == y).flatten(1).all(1) for i in range(5) for j in range(5)])
    assert (fits.sum(0) == 1).all(), "each image is one of the 25 that are possible"
    assert fits.any(1).all(), "and each of these occurs"


def test_blots_are_rectangles_in_the_asked_share_of_images():
    torch.manual_seed(0)
    x = torch.full((500, 1, 20, 20), -1.0)
    y = blotted(x, 0.3)
    hit = (y >= 0).flatten(1).any(1)
    assert 0.2 < hit.float().mean() < 0.4
    for image in (y[hit, 0] >= 0)[:50]:
        rows, columns = image.any(1).nonzero().flatten(), image.any(0).nonzero().flatten()
        assert len(rows) <= 10
        assert image[rows.min():rows.max() + 1, columns.min():columns.max() + 1].all()


def test_bytes_stay_bytes():
    assert augmented(images(), Options(flip=True)).dtype == torch.uint8
