"""Where autotune keeps its trials: in memory, or in a database that several processes share and that outlives them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from gradwell import studies
from gradwell.errors import OptionError
from gradwell.text.searching import Space

OF = "gradwell: autotune of"  # the name under which a study keeps the fingerprint of what is tuned
START = "as given"  # marks the trial of the options as they come
TOLD = "told"  # the name under which a trial keeps what is said of it


def opened(space: Space, of: str, storage: str, name: str) -> Any:
    """The study, with the trials to begin with. Raises OptionError where it is of another text or of other options.

    In a database each process draws other options, so what is found differs from run to run.
    """
    optuna = studies.imported()
    if storage:
        study, new = studies.shared(storage, name, optuna.samplers.TPESampler(constant_liar=True))
        known = study.user_attrs.get(OF)
        if known != of and (known or study.trials):
            raise OptionError(
                f"the study {name!r} in {studies.shown(storage)} tunes another text or other options; name another one with "
                "autotuneStudy (-autotune-study)"
            )
        study.set_user_attr(OF, of)
    else:
        sampler, new = optuna.samplers.TPESampler(seed=space.start.seed % 2**32), True
        study = optuna.create_study(direction="maximize", sampler=sampler)
    if new:
        for i, parameters in enumerate(space.first()):
            study.enqueue_trial(parameters, user_attrs={START: i == 0})
    return study


def fingerprint(*parts: Any) -> str:
    """What tells one search from another: bytes, arrays and plain values, in a few characters."""
    told = hashlib.sha256()
    for part in parts:
        told.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data if hasattr(part, "dtype") else repr(part).encode())
        told.update(b"\0")
    return told.hexdigest()


def rows(study: Any) -> dict[int, dict[str, Any]]:
    """What is said of each trial that came to an end, by its number."""
    return {trial.number: trial.user_attrs[TOLD] for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()
            and TOLD in trial.user_attrs}
