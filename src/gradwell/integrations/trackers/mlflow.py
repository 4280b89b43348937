"""Numbers and findings in MLflow: metrics, tags, the page and the findings' JSON as artifacts."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gradwell.errors import TrackerError
from gradwell.integrations.trackers.tracker import Point, Tracker, library
from gradwell.integrations.trackers.words import markdown

if TYPE_CHECKING:
    from gradwell.doctor.finding import Finding
    from gradwell.report.data import Report

BATCH = 1000  # metrics that MLflow takes at once
SECONDS = 5.0  # that a server has to answer, before it is asked for more


class MLflow(Tracker):
    """A run of MLflow: the one with this id, else the active one, else a run of its own.

    name: of the run of its own; address and experiment are those that MLflow knows (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME).

    Raises DependencyError where mlflow is not installed.
    """

    def __init__(self, run_id: str | None = None, *, name: str | None = None) -> None:
        self._mlflow = library("mlflow")
        active = self._mlflow.active_run()  # of this thread
        self._run_id: str | None = run_id or (active.info.run_id if active else None)
        self._name, self._own = name or "gradwell", self._run_id is None
        self._address: str = self._mlflow.get_tracking_uri()
        self._client: Any = None

    def __str__(self) -> str:
        return f"mlflow at {self._address}"

    def begin(self) -> None:
        """Begin a run of its own where there is none. `mlflow.start_run` would take the one that MLFLOW_RUN_ID keeps for the script."""
        self._client = self._mlflow.MlflowClient(self._address)
        if self._own:
            with self._asked():
                experiment = self._mlflow.tracking.fluent._get_experiment_id()
                self._run_id = self._client.create_run(experiment, run_name=self._name).info.run_id

    def points(self, points: Sequence[Point]) -> None:
        """Metrics by the thousand."""
        now = int(1000 * time.time())
        metrics = [self._mlflow.entities.Metric(name, value, now, step) for name, step, value in points]
        for begin in range(0, len(metrics), BATCH):
            with self._asked():
                self._client.log_batch(self._run_id, metrics[begin:begin + BATCH], synchronous=True)

    def finding(self, finding: Finding) -> None:
        """A tag, named by code and place, with everything that is to be said."""
        place = re.sub(r"[^\w.\- ]", "_", finding.where.module).strip(". ")
        with self._asked():
            self._client.set_tag(self._run_id, f"gradwell.{finding.code}.{place}"[:250], markdown(finding), synchronous=True)

    def report(self, report: Report) -> None:
        """The page and the JSON."""
        from gradwell.report.html import as_html
        from gradwell.report.json import as_json

        with self._asked():
            self._client.log_text(self._run_id, as_html(report), "gradwell/report.html")
            self._client.log_dict(self._run_id, as_json(report), "gradwell/findings.json")

    def close(self) -> None:
        """End a run of its own; yours is left to you."""
        if self._own:
            with self._asked():
                self._client.set_terminated(self._run_id)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Ask the server for something. Raises TrackerError where it was gone before, or is gone now."""
        self._answers()
        try:
            yield
        except Exception:
            self._answers()
            raise

    def _answers(self) -> None:
        """Raise TrackerError at once where the server is gone, for which MLflow itself would wait minutes."""
        if not self._address.startswith(("http://", "https://")):
            return
        from requests import RequestException, get  # which mlflow brings

        try:
            get(f"{self._address.rstrip('/')}/health", timeout=SECONDS)
        except RequestException:
            raise TrackerError("does not answer") from None
