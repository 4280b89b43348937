"""BLEU and chrF are sacrebleu's, with their signatures."""

import pytest
import sacrebleu

from gradwell.errors import DataError, OptionError
from gradwell.translate.scoring import bleu, chrf

SAID, WANTED = ["the cat sat on the mat", "A dog runs."], ["the cat is on the mat", "a dog runs."]


def test_scores_are_sacrebleus_own():
    assert bleu(SAID, WANTED).score == pytest.approx(sacrebleu.corpus_bleu(SAID, [WANTED]).score)
    assert bleu(SAID, WANTED, lowercase=True).score == pytest.approx(sacrebleu.corpus_bleu(SAID, [WANTED], lowercase=True).score)
    assert chrf(SAID, WANTED).score == pytest.approx(sacrebleu.corpus_chrf(SAID, [WANTED]).score)


def test_the_signature_says_how_it_was_counted():
    assert "case:lc" in bleu(SAID, WANTED, lowercase=True).signature
    assert "tok:13a" in str(bleu(SAID, WANTED))


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match="2 translations and 1 references"):
        bleu(SAID, WANTED[:1])
    with pytest.raises(DataError, match="no translations"):
        bleu([], [])
    with pytest.raises(OptionError, match="tokenize is 'mine'"):
        bleu(SAID, WANTED, tokenize="mine")
