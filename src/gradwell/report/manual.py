"""Where a rule is explained at length."""

from __future__ import annotations

MANUAL = "https://github.com/gradwell/gradwell/blob/main/docs/rules/"


def manual_page(code: str) -> str:
    """The address of a rule's page in the manual."""
    return f"{MANUAL}{code}.md"
