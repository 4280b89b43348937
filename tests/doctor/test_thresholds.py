"""Thresholds that no rule's own example comes near: records made by hand, just on this and just on that side of each."""

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.doctor.finding import Finding
from gradwell.doctor.record import Record
from gradwell.doctor.rule import Rule

STEPS = 100
LOOKS = range(1, STEPS + 1)


class Made:
    """A record made by hand: `series` are readings of a place, one number for every look or one for each."""

    def __init__(self, losses=0.69, trivial=0.69, chain=None, **series):
        self.record = Record.create()
        self.record.note("steps", STEPS)
        self.loss = self.at("loss", "loss", loss=losses, term_loss=losses, trivial_loss=trivial, **series)
        self.facts("loss", chain=chain)
        self.at("optimizer", learning_rate=0.1)

    def at(self, kind, module="net", type="", **series):
        site = self.record.site(kind, module, type)
        self.of(site, **series)
        return site

    def of(self, site, **series):
        for name, values in series.items():
            for i, step in enumerate(LOOKS):
                if not isinstance(values, list) or i < len(values):
                    self.record.add(name, site, step, values[i] if isinstance(values, list) else values)
        return self

    def facts(self, kind, step=1, **facts):
        site = next((site.id for site in self.record.sites(kind)), 0)
        for name, value in facts.items():
            if value is not None:
                self.record.fact(name, site, step, value)
        return self


def noisy(start, slope, noise):
    """A straight line with a noise that goes up and down."""
    return [start + slope * i + noise * (-1) ** i for i in range(STEPS)]


def saturated(gain):
    made = Made()
    made.at("activation", type="tanh", saturated_share=0.95, activation_gain=gain)
    return made


def drifting(data):
    made = Made()
    made.at("input", drift=data)
    made.at("layer", drift=0.6)
    return made


def growing(norm):
    made = Made(losses=[1.0] * 20 + [5.0] * 80, trivial=1.0)
    return made.of(0, gradient_norm=[1.0] * 20 + [norm] * 80)


def rootless(times):
    return Made(rootless=[1.0] * times)


def squared(level):
    chain = {"loss": "mse", "operations": ["Softmax"], "target": "one-hot", "prediction_shape": [3], "target_shape": [3],
             "softmax_sizes": [3], "units": 3}
    return Made(losses=level, trivial=1.0, chain=chain)


def nearly_zero(least):
    made = Made(log_least=least).facts("loss", logarithm={"of": "Sigmoid", "guarded": False, "between": [], "picked": True})
    made.record.fact("non_finite_gradient", 0, 50, {"operation": None, "suspects": ["Log"], "parameters": [], "first": "net"})
    return made


def alike(looks, labels):
    chain = {"loss": "nll", "units": 10, "prediction_shape": [10]}
    made = Made(chain=chain)
    for i in range(looks):
        step = STEPS - i
        made.record.add("classes_seen", made.loss, step, 1)
        made.record.add("labels_seen", made.loss, step, labels)
    return made


def several(share):
    return Made(many_hot=share, chain={"loss": "soft_cross_entropy", "units": 4, "prediction_shape": [4]})


def updating(size):
    made = Made()
    made.at("parameter", "net.weight", update_ratio=size)
    return made


def beginning(sizes, high):
    made = Made(losses=[1.0] + [high] * 5 + [1.0] * 94, trivial=1.0)
    made.at("parameter", "net.weight", update_ratio=sizes + [0.01] * 96)
    return made


def at_once(size):
    """One update of that size late enough to be none of the first four, after which the loss rises and stays."""
    made = Made(losses=[1.0] * 6 + [3.0] * 94, trivial=1.0)
    made.at("parameter", "net.weight", update_ratio=[0.01] * 5 + [size] + [0.01] * 94)
    return made


def rising_again(end):
    made = Made(losses=[1.0] * 10 + [0.1] * 50 + [end] * 40, trivial=0.25)
    made.at("parameter", "net.weight", update_ratio=0.2)
    return made


def hardly_falling(noise):
    made = Made(losses=noisy(1.0, -0.001, noise), trivial=1.0)
    made.at("parameter", "net.weight", update_ratio=1e-5)
    return made


def clipped(to):
    return Made().of(0, clipped=to, gradient_norm=5.0)


def ascending(noise):
    made = Made(losses=noisy(1.0, 0.001, noise), trivial=1.0, chain={"loss": "mse", "sign": 1})
    made.at("model")
    return made.of(0, descent=0.9).facts("optimizer", setup={"optimizers": 1, "maximize": True})


def first_weights(scale=8.0, ends=0.6, carried=0.1):
    made = Made()
    made.at("input", batch_std=1.0)
    hidden = made.at("layer", "0", first_scale=[scale], batch_std=1.0)
    activation = made.at("activation", "0", "tanh", saturated_share=ends)
    head = made.at("layer", "2", first_scale=[1.0], batch_std=carried)
    made.record.fact("order", 0, 1, [hidden, activation, head])
    return made


def forgetting(first):
    made = Made()
    made.at("recurrence", memory_horizon=0.5)
    for step in (50, 60):
        made.facts("recurrence", step, read={"from": 19, "time": 20}, gradient_by_step=[[0, first], [19, 1.0]])
    return made


def padded(starting):
    made = Made()
    made.at("recurrence")
    for step in (50, 60):
        made.facts("recurrence", step, read={"only": None, "tailed": 0.5, "starting": starting, "mean_tail": 0.3, "lengths": 5,
                                             "longest_tail": 0.6, "from": 19, "time": 20})
    return made


def attending(most=0.001, varies=0.001):
    made = Made()
    made.at("attention", attention_least=0.0, attention_most=most, attention_varies=varies)
    return made


def by_heart(count=10, best=1.0, began=0.69):
    """The loss falls from `began` before the first evaluation; the best of the later ones is `best` times the first."""
    made = Made(losses=[began] * 20 + [0.2] * 80)
    site = made.record.site("evaluation", "evaluation", "loss")
    for i in range(count):
        made.record.add("held_out", site, 10 + i * 9, 70.0 if i == 0 else 70.0 * (best if i == 1 else 1.3))
    return made


CASES = [  # code, threshold, a record that has the fault, and one that is just short of it
    ("GW102", "flat", saturated(0.09), saturated(0.11)),
    ("GW107", "apart", drifting(0.19), drifting(0.21)),
    ("GW202", "growth", growing(10.1), growing(9.9)),
    ("GW206", "share", rootless(51), rootless(49)),
    ("GW301", "high", squared(0.55), squared(0.45)),
    ("GW305", "near", nearly_zero(5e-7), nearly_zero(2e-6)),
    ("GW310", "looks", alike(3, 500), alike(2, 500)),
    ("GW310", "labels", alike(10, 200), alike(10, 190)),
    ("GW311", "several", several(0.06), several(0.04)),
    ("GW402", "large", updating(0.11), updating(0.09)),
    ("GW402", "replaced", at_once(1.1), at_once(0.9)),
    ("GW402", "together", beginning([0.8, 0.4, 0.2, 0.2], 1.6), beginning([0.8, 0.3, 0.2, 0.1], 1.6)),
    ("GW402", "jump", beginning([0.9, 0.5, 0.3, 0.2], 1.45), beginning([0.9, 0.5, 0.3, 0.2], 1.35)),
    ("GW402", "rise", rising_again(0.21), rising_again(0.19)),
    ("GW403", "certain", hardly_falling(0.08), hardly_falling(0.11)),
    ("GW408", "hard", clipped(0.09), clipped(0.11)),
    ("GW409", "certain", ascending(0.08), ascending(0.11)),
    ("GW502", "large", first_weights(scale=5.1), first_weights(scale=4.9)),
    ("GW502", "pinned", first_weights(ends=0.51), first_weights(ends=0.49)),
    ("GW502", "lost", first_weights(scale=0.1, carried=0.0009), first_weights(scale=0.1, carried=0.0011)),
    ("GW606", "evaluations", by_heart(count=6), by_heart(count=5)),
    ("GW606", "better", by_heart(best=0.995), by_heart(best=0.985)),
    ("GW606", "better", by_heart(best=1.2), by_heart(best=1.2, began=0.5)),
    ("GW703", "least", forgetting(0.0009), forgetting(0.0011)),
    ("GW705", "starting", padded(0.04), padded(0.06)),
    ("GW801", "sharp", attending(most=0.009), attending(most=0.011)),
    ("GW801", "varies", attending(varies=0.009), attending(varies=0.011)),
]


def said(checked: Rule, made: Made) -> list[Finding]:
    """What a rule says of a record with its full severity; a note does not count."""
    return [finding for finding in checked.check(made.record) if finding.severity == checked.kind]


@pytest.mark.parametrize(("code", "threshold", "over", "under"), [pytest.param(*case, id="-".join(case[:2])) for case in CASES])
def test_a_threshold_parts_what_has_the_fault_from_what_has_not(code, threshold, over, under):
    assert hasattr(rule(code), threshold)
    assert said(rule(code), over)
    assert not said(rule(code), under)
