"""Every signal there is, each with the pure function that measures it.

The functions use the tensor's own methods only, so that reading a record needs no torch. `sample` stands for a matrix
(examples, units) of at most 16,384 numbers taken from a larger tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwell.doctor.signal import Signal

if TYPE_CHECKING:
    from torch import Tensor

SATURATED = 0.95  # share of the half-range beyond which a bounded activation counts as saturated


def mean(sample: Tensor) -> Tensor:
    """The mean over all examples and units."""
    return sample.mean()


def std(sample: Tensor) -> Tensor:
    """The standard deviation over all examples and units."""
    return (sample - sample.mean()).square().mean().sqrt()


def spread(sample: Tensor) -> Tensor:
    """The standard deviation of each unit over the examples. Two passes of plain products, ten times as fast as Tensor.std on a CPU."""
    return (sample - sample.mean(0)).square().mean(0).sqrt()


def batch_std(sample: Tensor) -> Tensor:
    """How much the examples differ: the standard deviation of each unit over the examples, averaged over the units."""
    return spread(sample).mean()


def zero_share(sample: Tensor) -> Tensor:
    """The share of exact zeros."""
    return (sample == 0).float().mean()


def inactive_share(highest: Tensor) -> Tensor:
    """The share of units whose highest output (units,) over the examples is not above zero."""
    return (highest <= 0).float().mean()


def saturated_share(sample: Tensor, low: float, high: float) -> Tensor:
    """The share of outputs of a bounded activation beyond 95 % of its range, at either end."""
    return ((sample - (low + high) / 2).abs() > SATURATED * (high - low) / 2).float().mean()


def norm(values: Tensor) -> Tensor:
    """The Euclidean norm."""
    size: Tensor = values.norm()
    return size


def gain(gradient_in: Tensor, gradient_out: Tensor) -> Tensor:
    """The factor by which a part of the network scales the gradient on its way back: |dL/d(input)| / |dL/d(output)|."""
    return gradient_in / gradient_out


def ratio(change: Tensor, before: Tensor) -> Tensor:
    """The size of a change relative to what is changed: |new - old| / |old|."""
    return norm(change) / norm(before)


def pull(decay: Tensor, gradient: Tensor) -> Tensor:
    """How hard weight decay pulls at weights, relative to what the loss asks of them."""
    return norm(decay) / norm(gradient)


def offset(sample: Tensor) -> Tensor:
    """The largest |mean| / std of any feature that is not constant; 0 where all are constant."""
    s = spread(sample)
    return (sample.mean(0).abs() / s)[s > 0].amax() if bool((s > 0).any()) else sample.new_zeros(())


def widest(sample: Tensor) -> Tensor:
    """The standard deviation of the feature that varies most."""
    return spread(sample).amax()


def scale_ratio(sample: Tensor) -> Tensor:
    """The largest over the smallest standard deviation of the features; those that keep their least or their largest value in over
    nine tenths of the examples (the rim of an image) are left out. 1 where all are.
    """
    varied = ((sample != sample.amin(0)).float().mean(0) >= 0.1) & ((sample != sample.amax(0)).float().mean(0) >= 0.1)
    s = spread(sample)[varied]
    return s.amax() / s.amin() if s.numel() else sample.new_ones(())


def moved(mean: Tensor, std: Tensor, new_mean: Tensor, new_std: Tensor, examples: int) -> Tensor:
    """How far the median unit's distribution moved: the change of its mean in standard deviations, and of the logarithm of its
    standard deviation, as one length, without what the choice of that many examples alone would make of it. Units that are hardly more
    than a constant are left out.
    """
    alive = (std > 0.05 * mean.abs()) & (new_std > 0.05 * new_mean.abs())
    squares = (((new_mean - mean) / std).square() + (new_std / std).log().square())[alive]
    return (squares.median() - 3 / examples).clamp_min(0).sqrt() if squares.numel() else mean.new_zeros(())


def stale(mean: Tensor, var: Tensor, running_mean: Tensor, running_var: Tensor) -> Tensor:
    """How far kept statistics of the average channel lie from a batch's: the mean in kept standard deviations, or the logarithm of the
    ratio of the standard deviations, whichever is more.
    """
    kept = running_var.clamp_min(1e-12)
    return ((mean - running_mean).abs() / kept.sqrt()).maximum((var.clamp_min(1e-12) / kept).log().abs() / 2).mean()


def fingerprint(values: Tensor) -> Tensor:
    """A number that differs where values or their order differ: the sum of v_i^2 sqrt(i), in double precision."""
    v = values.double()
    return v.square() @ v.new_ones(len(v)).cumsum(0).sqrt()


def equal_units_share(weight: Tensor) -> Tensor:
    """The share of units whose incoming weights (units, fan-in) are exactly those of the first unit."""
    return (weight[1:] == weight[:1]).all(1).float().mean()


LOSS = Signal("loss", "loss units", "loss", "the value that backward() was called on")
TERM_LOSS = Signal("term_loss", "loss units", "loss", "the loss as a mean over the examples, recomputed from its inputs")
TRIVIAL_LOSS = Signal("trivial_loss", "loss units", "loss", "the least loss that a predictor blind to the input could reach on the targets")
CHAIN = Signal("chain", "operations", "loss", "what stands between the last layer and the loss, with shapes and ranges")
TARGET_LEAST = Signal("target_least", "target units", "loss", "the smallest target of the batch")
TARGET_MOST = Signal("target_most", "target units", "loss", "the largest target of the batch")
TARGET_MEAN = Signal("target_mean", "target units", "loss", "mean of the targets of the batch", mean)
TARGET_STD = Signal("target_std", "target units", "loss", "standard deviation of the targets of the batch", std)
PREDICTION_MEAN = Signal("prediction_mean", "target units", "loss", "mean of the predictions", mean)
PREDICTION_STD = Signal("prediction_std", "target units", "loss", "standard deviation of the predictions", std)
HEAD_INPUT = Signal("head_input", "activation units", "loss", "root mean square of what goes into the last layer")
UNREACHABLE = Signal("unreachable", "share of targets", "loss", "targets clearly outside the range of the last activation")
SHORTFALL = Signal("shortfall", "share", "loss", "least squared error d that the activation's range allows: d / (d + variance)")
CLASSES_SEEN = Signal("classes_seen", "classes", "loss", "how many different class ids were seen so far")
LABELS_SEEN = Signal("labels_seen", "labels", "loss", "how many class ids were seen so far")
MANY_HOT = Signal("many_hot", "share of examples", "loss", "targets of 0 and 1 with more than one 1 under a softmax")
LOGARITHM = Signal("logarithm", "operations", "loss", "what the logarithms in the loss are taken of")
LOG_LEAST = Signal("log_least", "1", "loss", "smallest argument of a logarithm of probabilities that nothing keeps away from 0")
LOG_BEYOND = Signal("log_beyond", "share", "loss", "raw scores under a logarithm that are no probabilities: not above 0, or cut from above")
BATCH_LABELS = Signal("batch_labels", "examples", "loss", "how many examples of each class are in the batch")
OUTPUT_SPREAD = Signal("output_spread", "probability, or targets' std", "loss", "how much predictions differ between examples")
COMMONEST_ANSWER = Signal("commonest_answer", "share of examples", "loss", "examples that get the commonest answer")
SEEN_AGAIN = Signal("seen_again", "examples", "loss", "inputs that came back, and how many of them with another label")
LINEAR_PAIRS = Signal("linear_pairs", "layers", "model", "layers that feed a layer with nothing nonlinear between")
ORDER = Signal("order", "layers", "model", "the chain of layers and activations in the order of the forward pass")

BATCH_STD = Signal("batch_std", "activation units", "layer", "how much the examples differ at the layer's input", batch_std)
DRIFT = Signal("drift", "standard deviations / step", "layer", "how fast the distribution of the layer's input moves", moved)
DELTA = Signal("delta", "loss / activation units", "layer", "norm of the gradient at the layer's output", norm)
WEIGHT_GAIN = Signal("weight_gain", "ratio", "layer", "factor by which the weights scale the gradient on its way back", gain)
ACTIVATION_GAIN = Signal("activation_gain", "ratio", "activation", "factor by which the activation's derivative scales the gradient", gain)
NORMALIZATION_GAIN = Signal("normalization_gain", "ratio", "normalization", "factor by which normalisation scales the gradient", gain)

ACTIVATION_MEAN = Signal("activation_mean", "activation units", "activation", "mean output", mean)
ACTIVATION_STD = Signal("activation_std", "activation units", "activation", "standard deviation of the output", std)
ACTIVATION_BATCH_STD = Signal("activation_batch_std", "activation units", "activation", "how much the examples differ", batch_std)
ZERO_SHARE = Signal("zero_share", "share", "activation", "share of outputs that are exactly zero", zero_share)
NEVER_ACTIVE = Signal("never_active", "share of units", "activation", "units not above zero for any example of the window", inactive_share)
WINDOW = Signal("window", "examples", "activation", "how many examples the window holds")
SATURATED_SHARE = Signal("saturated_share", "share", "activation", "share of outputs beyond 95 % of the range", saturated_share)

BATCH_VALUES = Signal("batch_values", "values", "normalization", "values of each channel that batch normalisation takes its statistics of")
STALE = Signal("stale", "standard deviations", "normalization", "distance of the kept statistics from those of the training batch", stale)
STALE_IN_USE = Signal("stale_in_use", "standard deviations", "normalization", "the same for the first batch of an evaluation", stale)
BIASED = Signal("biased", "flag", "normalization", "1 when the layer before batch normalisation adds a bias")
FIRST_SCALE = Signal("first_scale", "ratio", "layer", "standard deviation of the first weights times the root of the fan-in")

SEQUENCE_LENGTH = Signal("sequence_length", "steps", "recurrence", "how many time steps the longest of the sequences has")
GRADIENT_BY_STEP = Signal("gradient_by_step", "loss / state units", "recurrence", "norm of the gradient at the state of each time step")
GRADIENT_BY_LAG = Signal("gradient_by_lag", "loss / weight units", "recurrence", "norm of the recurrent weight's gradient from each lag")
MEMORY_HORIZON = Signal("memory_horizon", "steps", "recurrence", "steps after which the median unit has forgotten all but 1/e")
PINNED_GATES = Signal("pinned_gates", "share of units", "recurrence", "units whose gate is shut, and open, whatever the input")

GATES = Signal("gates", "1", "recurrence", "gates, cells and states of one example, for some units and time steps")
READ = Signal("read", "steps and examples", "recurrence", "where the loss reads a recurrent layer's outputs, and how the inputs end")

ATTENTION_LEAST = Signal("attention_least", "share", "attention", "entropy of a row of weights over that of equal ones, lowest 5 % of rows")
ATTENTION_MOST = Signal("attention_most", "share", "attention", "entropy of a row of weights over that of equal ones, highest 5 % of rows")
ATTENTION_VARIES = Signal("attention_varies", "share of weight", "attention", "how much of a row's weight moves from input to input")
ATTENTION_PADDING = Signal("attention_padding", "share of weight", "attention", "weight that words give to padding")
MASKED_ROWS = Signal("masked_rows", "share of rows", "attention", "rows that are not numbers because every key is masked")

INPUT_OFFSET = Signal("input_offset", "ratio", "input", "largest |mean| / std of any feature", offset)
INPUT_WIDEST = Signal("input_widest", "input units", "input", "standard deviation of the feature that varies most", widest)
INPUT_SCALES = Signal("input_scales", "ratio", "input", "largest over smallest standard deviation of the features", scale_ratio)
INPUT_RANGE = Signal("input_range", "input units", "input", "smallest and largest value")

GRADIENT_NORM = Signal("gradient_norm", "loss / weight units", "run", "norm of the whole gradient, before clipping", norm)
SHARD_NORM = Signal("shard_norm", "loss / weight units", "run", "norm of this rank's shards of the gradient, before clipping", norm)
PARAMETER_GRADIENT = Signal("parameter_gradient", "loss / weight units", "parameter", "norm of the parameter's gradient", norm)
UPDATE_RATIO = Signal("update_ratio", "ratio", "parameter", "size of one update relative to the weights", ratio)
EQUAL_UNITS = Signal("equal_units", "share of units", "parameter", "units whose incoming weights are those of the first", equal_units_share)
ORPHAN = Signal("orphan", "flag", "parameter", "receives a gradient while no optimizer holds it")
NON_FINITE_GRADIENT = Signal("non_finite_gradient", "parameters", "run", "the first place with NaN or infinity in a gradient")
NON_FINITE = Signal("non_finite", "place", "loss", "the first tensor on the way to a loss that is NaN or infinite")

LEARNING_RATE = Signal("learning_rate", "1", "optimizer", "the optimizer's learning rate")
STALE_GRADIENT = Signal("stale_gradient", "flag", "optimizer", "1 when no backward since the last update began with cleared gradients")
BACKWARDS = Signal("backwards", "passes", "optimizer", "backward passes since the optimizer's last update")
CLIPPED = Signal("clipped", "ratio", "run", "threshold over norm, at clip_grad_norm_; below 1 the gradient was cut")
DESCENT = Signal("descent", "cosine", "optimizer", "cosine of the update with the gradient that backward() left; negative goes downhill")
SETUP = Signal("setup", "options", "optimizer", "the optimizer's kind, whether it maximises, and how many optimizers there are")
DECAY_PULL = Signal("decay_pull", "ratio", "parameter", "pull of weight decay relative to the loss's own on the weights", pull)
SCALED_CLIP = Signal("scaled_clip", "flag", "run", "1 when gradients were clipped while a GradScaler's factor was still in them")
EVALUATED = Signal("evaluated", "flag", "model", "1 when the model was run without gradients while parts that matter were in training mode")
HELD_OUT = Signal("held_out", "loss", "evaluation", "mean of the losses that one place computed without gradients between two updates")
EPOCH = Signal("epoch", "epochs", "run", "the trainer said that so many epochs are over")
METRIC = Signal("metric", "as the trainer gives it", "metric", "what the trainer measured, by the name that it has there")
EVAL_MODE = Signal("eval_mode", "flag", "model", "1 when the weights were updated while the model was in eval mode")

REACH = Signal("reach", "modules", "model", "the held modules, in the order in which they ran, and which of them a gradient has reached")
ROOTLESS = Signal("rootless", "flag", "loss", "backward() was called on a value that no operation on weights led to")

REPLICA = Signal("replica", "1", "parameter", "fingerprint of a weight that DDP keeps the same on every rank", fingerprint)
OWN_WEIGHTS = Signal("own_weights", "1", "parameter", "fingerprint of a weight that nothing keeps the same on every rank", fingerprint)
BATCH = Signal("batch", "1", "run", "fingerprint of a batch's inputs and targets on this rank", fingerprint)
SHARING = Signal("sharing", "ranks", "model", "how the ranks share out the examples of a batch, and which ranks do")
EPOCH_ORDER = Signal("epoch_order", "epoch", "run", "the epoch that a DistributedSampler was told as it gave out an order to train on")

EXCHANGE = Signal("exchange", "outputs", "call", "what moves in a model's outputs when one example after another is exchanged")
PADDED = Signal("padded", "outputs", "call", "how far the outputs of short sequences move when padding is added")

CATALOGUE: tuple[Signal, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Signal))
