"""The threads of one epoch: each takes pieces of the text, makes examples of them and learns from them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from gradwell.errors import TrainingError
from gradwell.text.copies import Copies
from gradwell.text.dictionary import Floats, Longs
from gradwell.text.kernels import examples, learning, together
from gradwell.text.layout import aligned

if TYPE_CHECKING:
    from gradwell.text.training import Run


class Crew:
    """Threads that learn from the lines of `order`, cut into pieces."""

    def __init__(self, run: Run, order: Longs, cuts: Longs) -> None:
        self.run, self.order, self.cuts = run, order, cuts
        self.size = run.options.threads if run.deterministic else min(run.options.threads, len(cuts) - 1)
        self.before = run.done  # words learned from when the epoch began
        self.pieces = iter(range(len(cuts) - 1))
        self.lock = threading.Lock()
        self.results: list[tuple[float, int]] = []  # of each piece: the sum of losses, and the examples
        self.failures: list[BaseException] = []
        self.stopped = False
        self.flags = np.zeros(16, np.int64)
        self.seed = np.uint64(np.random.default_rng([run.options.seed % 2**64, run.state.epoch, 1]).integers(2**63))
        total = np.concatenate([[0], np.cumsum(np.diff(run.corpus.text.word_ptr)[order])])
        self.words = np.diff(total[cuts])
        self.most_words = int(np.diff(run.corpus.text.word_ptr).max(initial=1))
        self.room = [self.most(of_line) for of_line in (run.rows_of_line, run.decisions_of_line, run.examples_of_line)]
        if run.deterministic:
            self.shared = self.make_shared()

    def most(self, of_line: Longs) -> int:
        """The most that any one piece can hold."""
        total = np.concatenate([[0], np.cumsum(of_line[self.order])])
        return max(1, int(np.diff(total[self.cuts]).max(initial=1)))

    def buffers(self) -> examples.Examples:
        """Room for the examples of any one piece."""
        rows, decisions, n = self.room
        return examples.Examples(
            np.empty(rows, np.int32), np.zeros(n + 1, np.int64), np.empty(decisions, np.int32), np.empty(decisions, np.int32),
            np.empty(decisions, np.float32),
            np.zeros(n + 1, np.int64), np.empty(n, np.float32),
        )

    def stop(self) -> None:
        """Let the threads end at the next piece."""
        self.stopped = True
        self.flags[together.STOP] = 1

    def work(self, mine: int) -> None:
        """What each thread does; what goes wrong is kept for whoever waits."""
        try:
            (self.in_step if self.run.deterministic else self.apart)(mine)
        except BaseException as error:  # noqa: BLE001 - it is raised again where training was called
            self.failures.append(error)
            self.stop()

    def make(self, piece: int, text: examples.Text, targets: examples.Targets, room: examples.Examples, words: np.ndarray) -> int:
        """Turn a piece of the text into examples; returns their number."""
        run, options = self.run, self.run.options
        start, stop = self.cuts[piece], self.cuts[piece + 1]
        if run.supervised:
            return int(examples.supervised(text, self.order, start, stop, targets, options.loss == "ova", self.seed, room))
        make = examples.cbow if options.model == "cbow" else examples.skipgram
        return int(make(text, self.order, start, stop, targets, options.ws, self.seed, room, words))

    def rates(self, piece: int, n: int, done: int) -> tuple[float, float]:
        """The rate of a piece's first example, and by how much it changes from one to the next."""
        run = self.run
        return run.options.lr * (1 - done / run.tokens), -run.options.lr * int(self.words[piece]) / run.tokens / max(n, 1)

    def apart(self, mine: int) -> None:
        """Take the next piece until none is left, without regard to the others (Hogwild)."""
        run = self.run
        room, words = self.buffers(), np.empty(self.most_words, np.int32)
        own = run.copies[mine] if run.copied else None
        if own:
            own.renew()
        text, targets = (own.text, own.targets) if own else (run.corpus.text, run.targets)
        scratch = aligned(2, run.options.dim)
        scores = aligned(1, max(run.state.outputs, 1))[0][: run.state.outputs]
        while not self.stopped:
            with self.lock:
                piece, done = next(self.pieces, None), run.done
            if piece is None:
                break
            n = self.make(piece, text, targets, room, words)
            rate, slope = self.rates(piece, n, done)
            loss = self.learn(room, n, rate, slope, scratch, scores, own)
            with self.lock:
                run.done += int(self.words[piece])
                self.results.append((loss, n))
            self.check(loss)

    def learn(
        self, room: examples.Examples, n: int, rate: float, slope: float, scratch: Floats, scores: Floats, own: Copies | None
    ) -> float:
        """Learn from the examples of one piece; returns the sum of losses."""
        run, state, every = self.run, self.run.state, self.run.options.loss == "ova"
        if own is None:
            loss = learning.learn(
                room, n, run.kind, every, run.supervised, rate, slope, state.matrix, state.output, scratch, scores, run.class_weight
            )
        else:
            loss = learning.learn_apart(
                room, n, run.kind, every, rate, slope, state.whole_matrix, own.output, scratch, scores, run.class_weight,
                own.inputs, own.outputs, run.pause, self.flags,
            )
        return float(loss)

    def make_shared(self) -> tuple[np.ndarray, ...]:
        """What threads in step share: of each example in hand its hidden vector, its gradient and what it asks of the rows."""
        run = self.run
        outputs = len(run.state.output) if run.dense else 1
        slots = together.AT_ONCE
        return aligned(slots, run.options.dim), aligned(slots, run.options.dim), aligned(slots, outputs), np.empty(self.room[1], np.float32)

    def in_step(self, mine: int) -> None:
        """Take every piece, and of each the part that is this thread's."""
        run, state = self.run, self.run.state
        room, words = self.buffers(), np.empty(self.most_words, np.int32)
        hidden, gradient, alphas, steps = self.shared
        done, waits = self.before, 0
        for piece in range(len(self.cuts) - 1):
            if self.stopped:
                break
            n = self.make(piece, run.corpus.text, run.targets, room, words)
            rate, slope = self.rates(piece, n, done)
            loss, waits = together.learn(
                room, n, run.kind, run.options.loss == "ova", run.supervised, rate, slope, state.matrix, state.output, run.class_weight,
                hidden, gradient, alphas, steps, self.flags, waits, mine, self.size,
            )
            done += int(self.words[piece])
            with self.lock:
                self.results.append((loss, n if mine == 0 else 0))
                run.done = done
            self.check(loss)

    def check(self, loss: float) -> None:
        """Complain when the numbers run away."""
        if not np.isfinite(loss):
            lr = self.run.options.lr
            raise TrainingError(f"the loss became {loss} in epoch {self.run.state.epoch + 1}; lr={lr:g} is too high, try {lr / 10:g}")
