"""The page as one file that needs no server and no network: the same views, with what they show put in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from gradwell.errors import GradwellError
from gradwell.report.json import strict
from gradwell.serve.app import BASE, STATIC, Page

RUNS = 50  # at most, the latest


def exported(page: Page) -> str:
    """The page with everything that can be shown of its runs and of the lab; what asks a model or measures anew is left out."""
    html = STATIC.joinpath("index.html").read_text("utf-8")
    style = BASE.read_text("utf-8") + STATIC.joinpath("app.css").read_text("utf-8")
    scripts = [STATIC.joinpath(name).read_text("utf-8") for name in re.findall(r'<script src="/static/([\w.]+)"></script>', html)]
    hashes = " ".join(digest(script) for script in scripts)
    policy = f"default-src 'none'; script-src {hashes}; style-src {digest(style)}; img-src data: blob:; base-uri 'none'; form-action 'none'"
    html = re.sub(r'<link rel="(icon|stylesheet)"[^>]*>\n', "", html)
    html = re.sub(r'<script src="[^"]+"></script>\n', "", html)
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>\n</head>'
    found = json.dumps(strict(data(page)), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    body = f'<script type="application/json" id="data">{found}</script>\n' + "".join(f"<script>{script}</script>\n" for script in scripts)
    return html.replace("</head>", head).replace("</body>", f"{body}</body>")


def digest(text: str) -> str:
    """What a policy names a text by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def data(page: Page) -> dict[str, Any]:
    """The answers to everything that the page may ask of what was measured."""
    kept: dict[str, Any] = {"/api/about": page.about(), "/api/models": {"translators": [], "classifiers": []}, "/api/lab": page.claims()}
    for claim in kept["/api/lab"]:
        kept[f"/api/lab/{claim['id']}"] = page.claim(claim["id"])
    kept["/api/runs"] = page.runs()[:RUNS]
    for run in kept["/api/runs"]:
        if "error" not in run:
            keep_run(page, run["name"], kept)
    return kept


def keep_run(page: Page, name: str, kept: dict[str, Any]) -> None:
    """The answers to everything that may be asked of a run; what cannot be read is left out, and the page says so."""
    path = "/api/runs/" + quote(name, safe="!'()*")  # as the page's encodeURIComponent has it
    for key, ask in (("", page.run), ("/layers", page.layers), ("/time", page.time), ("/findings", page.findings)):
        answer(kept, path + key, ask, name)
    findings = kept.get(f"{path}/findings", {}).get("findings", [])
    shown = {signal["name"] for signal in kept.get(f"{path}/layers", {}).get("signals", [])}
    for signal in sorted(shown | {signal for finding in findings for signal in finding["signals"]}):
        answer(kept, f"{path}/signals/{signal}", page.signal, name, signal)
    for finding in findings:
        answer(kept, f"/api/rules/{finding['code']}", page.rule, finding["code"])


def answer(kept: dict[str, Any], path: str, ask: Callable[..., Any], *arguments: str) -> None:
    """Keep an answer, where there is one."""
    try:
        kept[path] = ask(*arguments)
    except GradwellError:
        return
