"""Words on both axes, as numbers and as pictures."""

import json
from xml.etree import ElementTree

import pytest
import torch

from gradwell.errors import OptionError
from gradwell.translate import heatmap
from gradwell.translate.alignment import Alignment, alignment, must_attend, words
from gradwell.translate.ranking import Beam
from gradwell.translate.translation import Translation


def test_pieces_become_words_and_punctuation_stands_alone():
    assert words(["▁ein", "▁Hu", "nd", ",", "▁so", ".", "</s>"]) == [[0], [1, 2], [3], [4], [5], [6]]
    assert words(["▁", "ha", "us", "▁", "(", "a", ")"]) == [[0, 1, 2], [3, 4], [5], [6]]


def test_a_word_looks_at_the_mean_of_its_pieces_and_gets_their_sum():
    found = Translation("ab c", ["▁x", "y", "▁z"], ["▁a", "b", "▁c"], [-1.0, -1.0, -1.0], torch.tensor(
        [[0.2, 0.3, 0.5], [0.4, 0.1, 0.5], [0.0, 0.0, 1.0]]), 0.0)  # fmt: skip
    whole = alignment(found)
    assert (whole.source, whole.target) == (["xy", "z"], ["ab", "c"])
    assert whole.weights == [[0.5, 0.5], [0.0, 1.0]]
    assert alignment(found, pieces=True).weights[0] == pytest.approx([0.2, 0.3, 0.5])


@pytest.mark.parametrize("beam", [None, Beam(4, 1.0, 0.2)], ids=["greedy", "beam"])
def test_rows_of_a_real_alignment_sum_to_one_with_beam_search_too(translator, beam):
    found = alignment(translator.translate(["zwei kinder spielen im park ."], beam)[0])
    assert found.source == ["zwei", "kinder", "spielen", "im", "park", ".", "</s>"]
    assert found.target[:2] == ["two", "children"]
    assert [sum(row) for row in found.weights] == pytest.approx([1] * len(found.target), abs=1e-4)
    assert json.loads(found.as_json())["weights"] == found.weights


HOSTILE = Alignment(["<img onerror=alert(1)>", "&", "你好"], ["</svg>", '"'], [[0.9, 0.1, 0.0], [0.0, 0.0, 1.0]], -1.0)


def test_the_drawing_holds_all_words_and_weights_and_no_markup_of_theirs():
    root = ElementTree.fromstring(heatmap.svg(HOSTILE))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [*HOSTILE.source, *HOSTILE.target] or set(texts) == {*HOSTILE.source, *HOSTILE.target}
    titles = [node.text for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "</svg> looked at <img onerror=alert(1)>: 0.900" in titles
    assert len(titles) == 1 + 6
    assert not list(root.iter("{http://www.w3.org/2000/svg}img"))


def test_in_a_terminal_each_row_ends_under_its_word():
    text = heatmap.text(Alignment(["ab", "c"], ["x", "yz"], [[1.0, 0.0], [0.0, 0.5]], 0.0))
    assert text == "   a\n   b c\n x ██\nyz   ▒▒\n"


def test_what_does_not_fit_a_terminal_is_listed():
    long = Alignment([f"w{i}" for i in range(200)], ["x"], [[0.7, 0.3] + [0.0] * 198], 0.0)
    assert heatmap.text(long) == "x  w0 0.70, w1 0.30\n"


def test_the_bitmap_is_a_png(tmp_path):
    heatmap.png(Alignment(["ab", "c"], ["x", "yz"], [[1.0, 0.0], [0.0, 0.5]], 0.0), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_without_attention_there_is_nothing_to_show():
    with pytest.raises(OptionError, match="has no attention"):
        must_attend(False)
