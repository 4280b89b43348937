"""Searches that several processes share, on one machine or many: optuna's studies, in a database that outlives whoever is killed.

Ray Tune would do it, too, and needs a cluster; a database is enough, as optuna tells the processes apart by it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gradwell.errors import DependencyError, OptionError, TrainingError

BEAT, GRACE = 10, 60  # seconds between signs of life of a trial, and without one until it is taken for dead and done again
FILE = "sqlite:///"
POSSIBLE = f"possible is {FILE}FILE, or the address of a PostgreSQL or MySQL database"


def imported() -> Any:
    """optuna, if it is installed."""
    try:
        import optuna
    except ImportError:
        raise DependencyError("this needs optuna; install it with `pip install 'gradwell[tune]'`") from None
    return optuna


def shared(url: str, name: str, sampler: Any) -> tuple[Any, bool]:
    """The study of this name in a database, such as sqlite:///study.db, and whether it was made just now.

    It seeks the largest value. The trial of a process that was killed is done again by another, after GRACE seconds.
    Raises OptionError when the database cannot be used, DependencyError where its driver is missing.
    """
    optuna = imported()
    with quiet(optuna), used(url, OptionError, f"cannot be used ({POSSIBLE})"):
        if url.startswith(FILE):
            Path(url.removeprefix(FILE).partition("?")[0]).absolute().parent.mkdir(parents=True, exist_ok=True)
        storage = opened(optuna, url)
        try:
            return optuna.create_study(storage=storage, study_name=name, sampler=sampler, direction="maximize"), True
        except optuna.exceptions.DuplicatedStudyError:
            return optuna.load_study(storage=storage, study_name=name, sampler=sampler), False


def opened(optuna: Any, url: str, tries: int = 5) -> Any:
    """The database, its tables made where there are none; two processes that make them at once get in each other's way."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

    class Storage(optuna.storages.RDBStorage):  # type: ignore[misc]
        """A database that may be away for a while."""

        def record_heartbeat(self, trial_id: int) -> None:
            """Give a sign of life; what matters is told when the trial ends."""
            with suppress(SQLAlchemyError, StorageInternalError):
                super().record_heartbeat(trial_id)

        def set_trial_state_values(self, trial_id: int, state: Any, values: Any = None) -> bool:
            """Give the first sign of life before a trial is taken: one that is killed without any would never be taken for dead."""
            if state == optuna.trial.TrialState.RUNNING:
                self.record_heartbeat(trial_id)
            return bool(super().set_trial_state_values(trial_id, state, values))

    engine = {"connect_args": {"timeout": GRACE}} if url.startswith(FILE) else {"pool_pre_ping": True}
    again = optuna.storages.RetryHeartbeatStaleTrialCallback()
    try:
        storage = Storage(url, engine, heartbeat_interval=BEAT, grace_period=GRACE, heartbeat_stale_trial_callback=again)
        if url.startswith(FILE):
            one_by_one(storage.engine)
        return storage
    except (IntegrityError, OperationalError):
        if tries == 1:
            raise
        time.sleep(0.3)
        return opened(optuna, url, tries - 1)


def one_by_one(engine: Any) -> None:
    """Let processes look and write in SQLite one after the other: it locks no rows, and two would take the same waiting trial.

    Source: SQLAlchemy's manual of the SQLite dialect, "Enabling Non-Legacy SQLite Transactional Modes".
    """
    from sqlalchemy import event

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # or Python would begin a transaction of its own, later

    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections from before
    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


@contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep optuna from saying what nobody asked."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def used(url: str, error: type[OptionError | TrainingError], what: str) -> Iterator[None]:
    """Raise an error of this kind, in one sentence, where the database does not answer."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as cause:
        driver = getattr(cause.__cause__, "name", None) or "its driver"
        raise DependencyError(f"{shown(url)} needs the package {driver}; install it with pip") from None
    except Exception as cause:
        told = [one for one in chain(cause) if isinstance(one, (SQLAlchemyError, StorageInternalError))]
        if not told:
            raise
        why = str(getattr(told[-1], "orig", None) or told[-1]).partition("\n")[0]
        raise error(f"the storage {shown(url)} {what}: {why}") from None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of; optuna stumbles once more over a database that is gone."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def shown(url: str) -> str:
    """The address without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)
