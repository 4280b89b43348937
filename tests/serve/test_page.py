"""The page in a real browser, which reaches the server and nothing else."""

from __future__ import annotations

import json
import re
import time
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gradwell.doctor.record import Record
from tests.command import gradwell, python
from tests.serve.conftest import opened, serving

VIEWS = {
    "": "Runs", "#/run/sick": "sick", "#/run/sick/layers": "sick", "#/run/rnn/time": "rnn", "#/run/hostile/layers": "hostile",
    "#/compare/sick/well": "Compare", "#/translate": "Translate", "#/text": "Text", "#/lab": "Lab",
    "#/lab/sigmoid-gradient-dies": "sigmoid-gradient-dies",
}
SEVERE = ("serious", "critical")


def settled(page, title):
    """Wait until a view is drawn."""
    expect(page.locator("h1")).to_have_text(title, timeout=30_000)
    page.wait_for_load_state("networkidle", timeout=30_000)


def api(server, path):
    with urllib.request.urlopen(f"{server.address.rstrip('/')}{path}", timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", VIEWS)
def test_every_view_loads_without_errors_fits_a_telephone_and_is_accessible(server, browser, address, scheme):
    with opened(browser, server.address, 390, scheme) as page:
        page.goto(server.address + address)
        settled(page, VIEWS[address])
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in SEVERE] == []


def test_a_finding_opens_to_its_evidence_cause_remedy_and_manual_page(server, browser):
    finding = api(server, "/api/runs/sick/findings")["findings"][0]
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/run/sick")
        settled(page, "sick")
        page.get_by_role("button", name=f"{finding['code']} {finding['name']}").click()
        card = page.locator(".findings li", has_text=finding["code"]).first
        expect(card).to_contain_text(finding["cause"])
        expect(card).to_contain_text(finding["remedy"])
        expect(card.locator("svg.chart").first).to_be_visible()
        expect(page.locator("rect.span.picked").first).to_be_attached()
        card.get_by_role("button", name="Manual page").click()
        expect(card.locator(".manual")).to_contain_text(f"# {finding['code']} {finding['name']}")


def test_the_numbers_that_are_shown_are_the_apis(server, browser):
    (loss,) = api(server, "/api/runs/sick")["losses"]
    gains = api(server, "/api/runs/sick/layers")["gains"]
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/run/sick")
        settled(page, "sick")
        chart = page.locator("svg.chart").first
        chart.focus()
        chart.press("Home")
        step, value = loss["points"][0]
        expect(page.locator("#tip")).to_contain_text(f"loss: {value:.6g} at step {step}")
        chart.press("ArrowRight")
        step, value = loss["points"][1]
        expect(page.locator("#tip")).to_contain_text(f"loss: {value:.6g} at step {step}")
        page.goto(server.address + "#/run/sick/layers")
        expect(page.locator("table.gains tbody tr")).to_have_count(len(gains), timeout=30_000)
        shown = page.locator("table.gains tbody tr").nth(1).locator("td").all_inner_texts()
        assert float(shown[0]) == pytest.approx(gains[1]["weights"], rel=5e-3)


def test_the_mouse_reads_the_cell_it_points_at(server, browser):
    rows = [row for row in api(server, "/api/runs/sick/signals/weight_gain") if row["kind"] == "layer"]
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/run/sick/layers")
        settled(page, "sick")
        box = page.locator("canvas.heat").bounding_box()
        page.mouse.move(box["x"] + 2, box["y"] + 5)
        step, value = rows[0]["points"][0]
        expect(page.locator("#tip")).to_contain_text(f"step {step}: {value:.6g}")


def test_a_live_run_updates_within_two_seconds(browser, tmp_path):
    folder = tmp_path / "runs" / "live"
    folder.mkdir(parents=True)
    record = Record.create(folder / "record.sqlite")
    record.note("script", "live.py")
    record.note("started", time.time())
    site = record.site("loss", "loss", "mse", "live.py", 1)
    record.add("loss", site, 1, 3.0)
    record.note("steps", 1)
    record.flush()
    with serving("runs", "--port", "0", cwd=tmp_path) as served, opened(browser, served.address) as page:
        page.goto(served.address + "#/run/live")
        settled_title = page.locator("h1")
        expect(settled_title).to_have_text("live")
        expect(page.locator(".live")).to_be_visible()
        delays = []
        for step in range(2, 8):
            for inner in range(50):
                record.add("loss", site, 50 * step + inner, 3.0 / step)
            record.note("steps", 50 * step + 49)
            record.flush()
            begun = time.perf_counter()
            expect(page.locator(".sub").first).to_contain_text(f"{50 * step + 49} updates", timeout=10_000)
            delays.append(time.perf_counter() - begun)
        assert sorted(delays)[len(delays) // 2] < 2.0, delays
    record.close()


def test_a_server_that_goes_away_is_said_and_the_page_goes_on_when_it_is_back(browser, folder):
    with serving(str(folder), "--port", "0", cwd=folder.parent) as served:
        context = browser.new_context()
        page = context.new_page()
        page.goto(served.address + "#/run/sick")
        settled(page, "sick")
        port = served.address.rstrip("/").rpartition(":")[2]
    page.get_by_role("link", name="Layers").click()
    expect(page.get_by_role("alert")).to_contain_text("disconnected", timeout=10_000)
    with serving(str(folder), "--port", port, cwd=folder.parent):
        expect(page.get_by_role("alert")).to_be_hidden(timeout=30_000)
        expect(page.locator("canvas.heat").first).to_be_visible(timeout=30_000)
    context.close()


def test_two_tabs_show_two_runs(server, browser):
    with opened(browser, server.address) as one, opened(browser, server.address) as other:
        one.goto(server.address + "#/run/sick")
        other.goto(server.address + "#/run/rnn/time")
        settled(one, "sick")
        settled(other, "rnn")
        assert other.locator("canvas.heat").count() >= 1


def test_a_hostile_name_or_text_is_shown_as_text(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/run/hostile/layers")
        settled(page, "hostile")
        expect(page.locator("main")).to_contain_text("<img src=x onerror=")
        page.goto(server.address + "#/text")
        settled(page, "Text")
        page.locator("textarea").fill('good <img src=x onerror="document.title=1"> night')
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("main")).to_contain_text("bye")
        assert page.evaluate("document.images.length") == 0
        assert page.title() != "1"


def test_everything_is_reached_with_the_keyboard_alone(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address)
        settled(page, "Runs")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "sick":
                break
        page.keyboard.press("Enter")
        settled(page, "sick")
        page.get_by_role("button", name=re.compile("GW201")).focus()
        page.keyboard.press("Enter")
        expect(page.locator("dt", has_text="Cause")).to_be_visible()


def test_a_sentence_is_translated_and_its_attention_drawn_and_kept(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/translate")
        settled(page, "Translate")
        page.locator("textarea").fill("ein mann geht durch die stadt")
        page.keyboard.press("Enter")
        expect(page.locator("ol.nbest li").first).to_be_visible(timeout=30_000)
        with page.expect_download() as kept:
            page.get_by_role("button", name="Keep as CSV").first.click()
        rows = [line.split(",") for line in kept.value.path().read_text().splitlines()]
        for row in rows[1:]:
            assert sum(map(float, row[1:])) == pytest.approx(1, abs=0.02)
        for kind in ("SVG", "PNG"):
            with page.expect_download() as kept:
                page.get_by_role("button", name=f"Keep as {kind}").first.click()
            assert kept.value.path().stat().st_size > 500


def test_two_hundred_tokens_are_drawn_in_less_than_a_second(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/translate")
        settled(page, "Translate")
        took = page.evaluate("""async () => {
            const words = Array.from({length: 200}, (_, i) => `word${i}`), values = words.map(() => words.map(() => Math.random()));
            const begun = performance.now();
            const plan = {title: "long", rows: words, columns: words, values, scale: Gradwell.scales.share()};
            document.getElementById("main").append(Gradwell.heat(plan));
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            return performance.now() - begun;
        }""")
        assert took < 1000
        assert page.evaluate("document.documentElement.scrollWidth") <= 1100


def test_a_claim_is_measured_from_the_page_and_fails_without_its_cause(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/lab/sigmoid-gradient-dies")
        settled(page, "sigmoid-gradient-dies")
        page.get_by_role("button", name="Quick knobs").click()
        page.get_by_label("seeds").fill("2")
        page.get_by_role("button", name="Measure", exact=True).click()
        expect(page.locator(".verdicts")).to_contain_text("With these knobs: it holds.", timeout=60_000)
        expect(page.get_by_text("2 seeds measured")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Measure without the cause").click()
        expect(page.locator(".verdicts")).to_contain_text("Without the cause: it fails.", timeout=60_000)


def test_claims_verdicts_and_the_manual_turn_chinese(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address + "#/lab/sigmoid-gradient-dies")
        settled(page, "sigmoid-gradient-dies")
        page.get_by_role("button", name="中文").click()
        expect(page.locator(".lead")).to_contain_text("梯度")
        expect(page.locator(".verdicts")).to_contain_text("梯度")
        page.goto(server.address + "#/run/sick")
        settled(page, "sick")
        page.get_by_role("button", name=re.compile("GW201")).click()
        page.get_by_role("button", name="Manual page").click()
        expect(page.locator(".manual")).to_contain_text("梯度消失")
        page.get_by_role("button", name="English").click()
        page.get_by_role("button", name=re.compile("GW201")).click()
        page.get_by_role("button", name="Manual page").click()
        expect(page.locator(".manual")).to_contain_text("## Cause")


def test_the_list_is_filtered_and_two_runs_are_compared(server, browser):
    with opened(browser, server.address) as page:
        page.goto(server.address)
        settled(page, "Runs")
        page.get_by_label("Filter").fill("vanishing")
        expect(page.locator("tbody tr").filter(has_text="sick")).to_be_visible()
        expect(page.locator("tbody tr").filter(has_text="well")).to_have_count(0)
        page.get_by_label("Filter").fill("")
        page.get_by_label("compare sick").check()
        page.get_by_label("compare well").check()
        page.get_by_role("button", name="Compare two").click()
        settled(page, "Compare")
        expect(page.locator("svg.chart path.line")).to_have_count(2)


def test_one_file_holds_the_same_views(folder, browser, tmp_path):
    result = gradwell("serve", folder, "--export", "page.html", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    address = (tmp_path / "page.html").as_uri()
    for view in ("", "#/run/sick", "#/run/sick/layers", "#/run/rnn/time", "#/run/hostile/layers", "#/lab", "#/lab/sigmoid-gradient-dies"):
        with opened(browser, address) as page:
            page.context.set_offline(True)
            page.goto(address + view)
            settled(page, VIEWS[view])
            assert page.locator("canvas.heat, svg.chart, table").count() >= 1
    with opened(browser, address) as page:
        page.goto(address + "#/run/sick")
        settled(page, "sick")
        page.get_by_role("button", name=re.compile("GW201")).click()
        expect(page.locator(".findings svg.chart").first).to_be_visible()


def test_torch_is_not_loaded_to_serve_runs(folder):
    code = "import sys; from gradwell.serve.app import Page; assert 'torch' not in sys.modules"
    result = python("-c", code, cwd=folder)
    assert result.returncode == 0, result.stderr
