"""Scores, against scikit-learn's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from gradwell.vision.scores import scores

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(PAIRS)
def test_all_figures_are_scikit_learns(pairs):
    true, said = np.array(pairs).T
    found = scores(true, said, tuple("abcd"))
    assert np.array_equal(found.confusion, confusion_matrix(true, said, labels=range(4)))
    expected = precision_recall_fscore_support(true, said, labels=range(4), zero_division=np.nan)
    for mine, theirs in zip((found.precision, found.recall, found.f1), expected, strict=False):
        np.testing.assert_allclose(mine, theirs)
    assert found.accuracy == (true == said).mean()


def test_the_commonest_mistake_comes_first():
    found = scores(np.array([0, 0, 0, 1, 2]), np.array([1, 1, 0, 2, 2]), ("cat", "dog", "cow"))
    assert found.mistakes() == [("cat", "dog", 2), ("dog", "cow", 1)]
    assert "cat for dog (2); dog for cow (1)" in str(found)
    assert found.as_dict()["classes"][2]["precision"] == 0.5
    assert "cat" in str(found)


def test_what_is_not_known_is_a_dash_and_null():
    found = scores(np.array([0, 0]), np.array([0, 0]), ("cat", "dog"))
    assert "nan" not in str(found)
    assert found.as_dict()["classes"][1]["recall"] is None


def test_the_picture_is_an_image(tmp_path):
    from PIL import Image

    scores(np.array([0, 1, 1]), np.array([0, 1, 0]), ("cat", "dog")).picture(tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        assert min(picture.size) > 300
