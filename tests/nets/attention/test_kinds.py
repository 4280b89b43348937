"""Every kind of attention is made by its name."""

import pytest

from gradwell.errors import OptionError
from gradwell.nets.attention import KINDS, Attention, attention, options_of


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_makes_its_class(kind):
    module = attention(kind, 8, 8, value_size=3)
    assert type(module) is KINDS[kind]
    assert module.context_size == (8 if kind == "multi-head" else 3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_in_its_first_sentence_what_it_does(kind):
    assert KINDS[kind].__doc__.splitlines()[0].count(" ") > 8
    assert KINDS[kind].score is not Attention.score


def test_an_unknown_kind_lists_the_kinds():
    with pytest.raises(OptionError, match="'bahdanau' is no kind of attention; the kinds are additive, dot, scaled-dot, general"):
        attention("bahdanau", 8, 8)


def test_an_unknown_option_lists_the_options():
    with pytest.raises(OptionError, match="dot attention has no option 'size'; its options are value_size"):
        attention("dot", 8, 8, size=3)
    assert options_of("multi-head") == ["value_size", "size", "heads", "bias"]


@pytest.mark.parametrize("kind", ["dot", "scaled-dot"])
def test_dot_attention_says_what_to_do_where_sizes_differ(kind):
    with pytest.raises(OptionError, match="query_size is 8, key_size is 6; 'general' attention learns a matrix"):
        attention(kind, 8, 6)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("multi-head", {"heads": 3}, "8 numbers cannot be shared among 3 heads"),
        ("multi-head", {"heads": 0}, "heads must be at least 1, not 0"),
        ("location", {"longest": 0}, "longest must be at least 1, not 0"),
        ("local-p", {"window": -1}, "window must be at least 1, not -1"),
        ("additive", {"size": 0}, "size must be at least 1, not 0"),
        ("coverage", {"value_size": 0}, "value_size must be at least 1, not 0"),
    ],
)
def test_a_size_that_is_not_possible_is_named(kind, options, message):
    with pytest.raises(OptionError, match=message):
        attention(kind, 8, 8, **options)
