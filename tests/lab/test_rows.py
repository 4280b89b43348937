import math

from gradwell.lab.rows import kept


def test_a_row_is_kept_with_six_digits_and_what_is_no_such_number_as_it_is():
    row = kept({"loss": 2 / 3, "seed": 1234567, "way": "as it is", "open": True, "far": math.inf, "none": math.nan})
    assert (row["loss"], row["seed"], row["way"], row["open"], row["far"]) == (0.666667, 1234567, "as it is", True, math.inf)
    assert math.isnan(row["none"])
