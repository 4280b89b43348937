from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from gradwell.doctor.judge import Verdict
from gradwell.doctor.learned import Learned
from gradwell.report.data import Report
from gradwell.report.html import as_html


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_from_a_file_without_network_errors_or_overflow(
        browser: Browser, sick: Report, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(as_html(sick), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_offline(True)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith("file:"), refuse)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "8px"  # the style sheet passes the policy
    assert "<script>alert(1)</script>" in page.inner_text("main")
    assert (trouble, refused) == ([], [])
    context.close()


def test_user_text_is_escaped(sick: Report) -> None:
    page = as_html(sick)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[bold]net?[31m" in page
    assert "<script" not in page


def test_nothing_is_loaded_and_no_style_is_inline(sick: Report) -> None:
    page = as_html(sick)
    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"<(?:link|img|iframe|script)|\ssrc=|\sstyle=|@import|url\(", page)


def test_each_finding_has_a_card_beside_its_evidence(sick: Report) -> None:
    page = as_html(sick)
    assert page.count('<article class="card') == len(sick.verdict.findings)
    card = page.split('id="finding-2"')[1].split("</article>")[0]
    assert "docs/rules/GW201.md" in card
    assert "train.py:12" in card
    assert "<code>nn.ReLU()</code>" in page or "<code>model.train()</code>" in card
    assert "GW605" in card  # folded consequences, however deep
    assert "Norm of the gradient at the layer&#x27;s output" in card
    assert "14 layers between" in card


def test_the_loss_is_drawn_against_the_predictor_that_ignores_the_input(well: Report) -> None:
    assert 'class="line ref"' in as_html(well)
    assert "a predictor that ignores the input" in as_html(well)


def test_a_run_without_findings_or_without_a_record_has_a_page_too(well: Report) -> None:
    assert "<h1>All is well</h1>" in as_html(well)
    nothing = as_html(Report(None, Verdict((), (), Learned("unknown")), ("the script did not import torch",)))
    assert "<h1>Nothing was measured</h1>" in nothing
    assert "The script did not import torch." in nothing


def test_what_could_not_be_seen_is_said(sick: Report) -> None:
    assert "The probe memory failed and switched itself off: OverflowError: too large." in as_html(sick)


def test_a_long_model_makes_a_small_page(long: Report) -> None:
    page = as_html(long)
    assert "276 layers between" in page
    assert len(page) < 300_000
