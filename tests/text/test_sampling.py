"""The alias table gives each entry its share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwell.text.sampling import alias_table, negatives
from tests.text.oracle import CHECK


@CHECK
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=200))
def test_each_entry_gets_its_share(weights):
    chance, alias = alias_table(np.array(weights))
    share = chance.astype(np.float64).copy()
    np.add.at(share, alias, 1 - chance)
    np.testing.assert_allclose(share / len(weights), np.array(weights) / np.sum(weights), atol=1e-6)


def test_negatives_are_drawn_by_the_square_root_of_the_count():
    chance, alias = negatives(np.array([100, 25, 1]))
    share = chance.astype(np.float64).copy()
    np.add.at(share, alias, 1 - chance)
    np.testing.assert_allclose(share / 3, np.array([10, 5, 1]) / 16, atol=1e-6)
