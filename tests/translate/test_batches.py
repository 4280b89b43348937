"""Batches of like length that hold so many tokens."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradwell.errors import OptionError
from gradwell.translate import batches
from gradwell.translate.batches import Batches, batch_of
from gradwell.translate.vocabulary import BOS, EOS, PAD

SIZES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=60)


def batches_of(sizes, tokens=40, seed=0, **options):
    return Batches([[4] * a + [EOS] for a, _ in sizes], [[5] * b + [EOS] for _, b in sizes], tokens, seed, **options)


@given(SIZES)
def test_every_pair_is_in_one_batch_of_an_epoch(sizes):
    seen = sorted(i for piece in batches_of(sizes).pieces() for i in piece)
    assert seen == list(range(len(sizes)))


@given(SIZES)
def test_a_batch_holds_no_more_tokens_than_allowed_unless_one_pair_does(sizes):
    for batch in batches_of(sizes):
        rows = len(batch.source)
        assert rows == 1 or rows * max(batch.source.shape[1], batch.wanted.shape[1]) <= 40


def test_epochs_differ_and_the_seed_decides():
    sizes = [(i % 9 + 1, i % 7 + 1) for i in range(80)]
    first, again, other = batches_of(sizes), batches_of(sizes), batches_of(sizes, seed=1)
    assert first.pieces() == again.pieces() != other.pieces()
    before = first.pieces()
    list(first), next(iter(first))
    assert first.pieces() != before


def test_after_a_turn_comes_the_next_where_another_stopped():
    sizes = [(i % 9 + 1, i % 7 + 1) for i in range(80)]
    whole = batches_of(sizes)
    first, second = ([batch.source.tolist() for batch in whole] for _ in range(2))
    one, other = batches_of(sizes), batches_of(sizes)
    assert [batch.source.tolist() for batch in one] == first
    other.turn = one.turn
    assert [batch.source.tolist() for batch in other] == second


def test_a_long_epoch_has_several_turns(monkeypatch):
    monkeypatch.setattr(batches, "AT_MOST", 3)
    some = batches_of([(i % 9 + 1, i % 7 + 1) for i in range(80)])
    assert some.turns > 1
    seen = [tuple(piece) for _ in range(some.turns) for piece in (list(some), some.pieces())[1]]
    assert len(set(seen)) == len(seen) == some.turns * len(some)


@given(SIZES, st.integers(1, 4))
def test_processes_see_every_pair_once_and_as_many_batches_as_each_other(sizes, world):
    parts = [batches_of(sizes) for _ in range(world)]
    if len(sizes) < world:
        with pytest.raises(OptionError, match=f"{len(sizes)} pairs cannot be dealt out to {world} processes"):
            parts[0].share(0, world)
        return
    for rank, part in enumerate(parts):
        part.share(rank, world)
    seen = [part.pieces() for part in parts]
    assert {len(pieces) for pieces in seen} == {len(parts[0])}
    whole = sorted(i for pieces in seen for piece in pieces for i in piece)
    left = len(sizes) % world if all(len(piece) == 1 for pieces in seen for piece in pieces) else 0  # what cannot be halved any more
    assert len(set(whole)) == len(whole) == len(sizes) - left


def test_what_is_fed_is_what_is_wanted_one_step_later():
    batch = batch_of([[4, EOS], [4, 4, EOS]], [[5, 6, EOS], [7, EOS]])
    assert batch.given.tolist() == [[BOS, 5, 6], [BOS, 7, PAD]]
    assert batch.wanted.tolist() == [[5, 6, EOS], [7, EOS, PAD]]
    assert torch.equal(batch.lengths, torch.tensor([2, 3]))
