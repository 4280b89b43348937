"""The page of an inspected model, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from torch import nn

import gradwell
from gradwell.report.inspection import as_html
from tests.nets.inspection.models import MODELS, MobileNet

CHROMIUM = Path("/usr/bin/chromium")


class Bad(nn.Sequential):
    pass


Bad.__name__ = "<script>alert(1)</script>"


def test_the_page_holds_every_number_of_the_layers():
    told = gradwell.inspect(MobileNet(), "3x16x16")
    page = as_html(told.as_dict())
    for layer in told.layers:
        assert f"<code>{layer.path}</code>" in page
        assert f"<td>{layer.flops:,}</td>" in page
        assert layer.connections is None or f"<td>{layer.connections:,}</td>" in page
    assert f"<td>{told.bottlenecks[0].plain_flops:,}</td>" in page
    assert "separable" in page


def test_names_from_the_user_are_escaped():
    model = Bad()
    model.add_module("<b>&\x1b[31m", Bad(nn.Linear(2, 2)))
    page = as_html(gradwell.inspect(model, "2").as_dict())
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;&amp;?[31m" in page


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_is_silent(tmp_path, width, scheme):
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    path = tmp_path / "model.html"
    path.write_text(as_html(gradwell.inspect(MODELS["resnet"][0](), "3x16x16").as_dict()), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True).new_page()
        trouble = []
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.scripts.length") == 0
        assert page.evaluate("getComputedStyle(document.querySelector('.data td')).textAlign") == "right"
        assert trouble == []
        browser.close()
