"""Greedy search, beam search, sampling and scoring agree where they should."""

import pytest
import torch

from gradwell.errors import OptionError
from gradwell.nets.attention import KINDS
from gradwell.translate.beam import beam_search
from gradwell.translate.forced import forced
from gradwell.translate.greedy import greedy
from gradwell.translate.ranking import Beam
from gradwell.translate.vocabulary import EOS
from tests.translate.test_model import SOURCES, model_of

MANY = [*SOURCES, [4, 5, 4, EOS], [11, EOS]]


@pytest.fixture(params=["none", *KINDS])
def model(request):
    model = model_of(attention=request.param)
    with torch.no_grad():  # so that translations end now here, now there
        model.decoder.bias[EOS] += 0.3
        model.decoder.embed.weight.mul_(8)
    return model


def test_a_beam_of_one_is_greedy(model):
    for one, beam in zip(greedy(model, MANY), beam_search(model, MANY, Beam(1)), strict=True):
        assert one.ids == beam[0].ids
        assert one.scores == pytest.approx(beam[0].scores, abs=1e-4)
        torch.testing.assert_close(one.weights, beam[0].weights, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("penalties", [(0.0, 0.0), (1.0, 0.0), (0.6, 0.4)])
def test_a_beams_score_is_what_rescoring_gives(model, penalties):
    for source, found in zip(MANY, beam_search(model, MANY, Beam(4, *penalties)), strict=True):
        again = forced(model, [source] * len(found), [one.ids for one in found])
        assert found, "something is found"
        assert [one.rank for one in found] == sorted((one.rank for one in found), reverse=True)
        for one, other in zip(found, again, strict=True):
            assert one.scores == pytest.approx(other.scores, abs=1e-4)
            torch.testing.assert_close(one.weights, other.weights, atol=1e-5, rtol=1e-4)
            long = ((5 + len(one.ids)) / 6) ** penalties[0]
            covered = other.weights.sum(0).clamp(1e-9, 1).log().sum()
            assert one.rank == pytest.approx(other.score / long + penalties[1] * float(covered), abs=1e-4)


def test_what_is_found_does_not_depend_on_what_is_searched_beside_it(model):
    together = beam_search(model, MANY, Beam(3))
    for source, found in zip(MANY, together, strict=True):
        alone = beam_search(model, [source], Beam(3))[0]
        assert [one.ids for one in alone] == [one.ids for one in found]


def test_a_beam_as_wide_as_all_translations_finds_the_best():
    """Every translation of up to three tokens, scored one by one."""
    model = model_of()
    with torch.no_grad():
        model.decoder.bias[EOS] += 1.0
    source = [5, 6, EOS]
    words = range(4, 12)
    every = [[EOS], *([a, EOS] for a in words), *([a, b, EOS] for a in words for b in words)]
    scores = [one.score for one in forced(model, [source] * len(every), every)]
    best = every[max(range(len(every)), key=lambda i: scores[i])]
    found = beam_search(model, [source], Beam(80, 0.0))[0][0]
    assert found.score >= max(scores) - 1e-4
    assert found.ids == best or found.score > max(scores)


def test_sampling_is_decided_by_the_seed_and_narrowed_by_top_k_and_top_p():
    model = model_of()
    draws = [[one.ids for one in greedy(model, MANY, 1.0, seed=seed)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    likeliest = [one.ids for one in greedy(model, MANY)]
    assert [one.ids for one in greedy(model, MANY, 1.0, top_k=1)] == likeliest
    assert [one.ids for one in greedy(model, MANY, 1.0, top_p=1e-6)] == likeliest
    assert [one.ids for one in greedy(model, MANY, 1e-7)] == likeliest


def test_samples_come_as_often_as_they_are_likely():
    model = model_of()
    source = [5, 6, EOS]
    first = [one.ids[0] for one in greedy(model, [source] * 3000, 1.0)]
    one = forced(model, [source] * 2, [[5, EOS], [EOS]])
    for token, expected in ((5, one[0].scores[0]), (EOS, one[1].scores[0])):
        assert first.count(token) / 3000 == pytest.approx(float(torch.tensor(expected).exp()), abs=0.03)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"length_penalty": -1}, {"coverage_penalty": float("nan")}])
def test_a_beam_that_is_not_possible_is_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong)).partition("_")[0] if "size" not in wrong else "beam is 0"):
        Beam(**wrong)


def test_a_temperature_below_zero_is_refused():
    with pytest.raises(OptionError, match="temperature -1"):
        greedy(model_of(), MANY, -1)


def test_in_bfloat16_a_search_finds_nearly_the_same_scores(model):
    """Rounding may change what is found, but not what it is worth."""
    found = greedy(model.bfloat16(), MANY), [one[0] for one in beam_search(model, MANY, Beam(3))]
    exact = model.float()  # with the rounded weights
    for searched in found:
        again = forced(exact, MANY, [one.ids for one in searched])
        for one, other in zip(searched, again, strict=True):
            assert one.score == pytest.approx(other.score, rel=0.1, abs=0.2)
            torch.testing.assert_close(one.weights.float(), other.weights, atol=0.05, rtol=0.1)
