import pytest

from gradwell.errors import OptionError
from gradwell.lab.knobs import knobs, turned, typed
from tests.lab.example import Walk


def test_knobs_are_the_fields_with_their_units():
    found = {knob.name: (knob.kind, knob.several, knob.unit, knob.least, knob.text) for knob in knobs(Walk())}
    assert found == {
        "steps": (int, False, "steps", 1, "20"), "drift": (float, False, "a step", -10, "1.0"),
        "sizes": (float, True, "of a step", 0, "0.5,1.0"), "smooth": (bool, False, "no noise", 0, "False"),
        "name": (str, False, "of the walker", 0, "x"),
    }


def test_knobs_are_turned_as_typed():
    one = typed(Walk(), ["steps=3", "drift=-0.5", "sizes=1,2.5", "smooth=yes", "name=y=z"])
    assert one == Walk(3, -0.5, (1.0, 2.5), True, "y=z")


@pytest.mark.parametrize(("word", "said"), [
    ("stepz=3", "walk has no knob 'stepz'; its knobs are steps, drift, sizes, smooth, name"),
    ("steps", "'steps' turns no knob; write NAME=VALUE"),
    ("steps=many", "knob steps (steps) takes a whole number, not 'many'"),
    ("steps=1.5", "takes a whole number"),
    ("steps=0", "must be at least 1 and finite, not 0"),
    ("drift=nan", "must be at least -10 and finite, not nan"),
    ("drift=-11", "must be at least -10 and finite, not -11"),
    ("sizes=1,,2", "knob sizes (of a step) takes a number, not ''"),
    ("sizes=-1", "must be at least 0"),
    ("steps=" + "9" * 400, "must be at least 1 and finite, not 9999"),
    ("drift=inf", "finite, not inf"),
    ("smooth=perhaps", "knob smooth is yes or no, not 'perhaps'"),
])
def test_what_is_no_knob_or_no_value_is_said_in_one_sentence(word, said):
    with pytest.raises(OptionError) as error:
        typed(Walk(), [word])
    assert said in str(error.value)


def test_turning_a_knob_leaves_the_experiment_as_it_was():
    one = Walk()
    assert turned(one, {"steps": 5}) == Walk(5)
    assert one == Walk()
