"""What the page loads: little, from its own server alone, and nothing that the policy forbids."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mineralid

if TYPE_CHECKING:
    from conftest import OpenPage, Site

STATIC = Path(mineralid.__file__).parent / "web" / "static"
MOST_BYTES = 200_000  # of the first view, uncompressed
TEXTS = sorted(p for p in STATIC.rglob("*") if p.suffix in {".html", ".css", ".js", ".svg"})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_view_is_light(open_page: OpenPage, site: Site, language: str) -> None:
    page = open_page(language=language)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(
        """() => performance.getEntriesByType("resource")
            .concat(performance.getEntriesByType("navigation"))
            .map(entry => [entry.name, entry.decodedBodySize])"""
    )
    assert {name for name, _ in loaded} >= {site.url, f"{site.url}static/app.js"}
    weight = sum(size for _, size in loaded)
    assert 20_000 < weight < MOST_BYTES, sorted(loaded, key=lambda each: -each[1])[:8]
    assert all(name.startswith(site.url) for name, _ in loaded)


def test_the_policy_is_strict_and_the_page_keeps_to_it(
    open_page: OpenPage, site: Site, stones: Callable[..., Path]
) -> None:
    """Every part of the page is used; open_page fails where the policy forbade something."""
    from playwright.sync_api import expect

    page = open_page((1280, 800))
    page.evaluate(
        """() => {
            window.forbidden = [];
            addEventListener("securitypolicyviolation", e => forbidden.push(e.violatedDirective));
        }"""
    )
    policy = page.request.get(site.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page.set_input_files('[data-file="choose"]', stones(1))
    expect(page.locator(".rank").first).to_be_visible()
    for test in page.locator(".test-head").all():
        test.click()
    page.get_by_role("button", name="Where in the picture?").click()
    expect(page.locator(".heat-layer img")).to_be_visible()
    page.locator(".rank-button").first.click()
    expect(page.locator("#card[open]")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("forbidden") == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(STATIC)))
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    outside = set(re.findall(r"""(?:https?:)?//[\w-]+\.[\w.-]+""", text))
    assert outside <= {"http://www.w3.org"}  # the name of SVG
    if path.suffix in {".html", ".svg"}:
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", text)
    if path.suffix == ".js":
        assert not re.search(
            r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write)\b", text
        )


def test_every_module_has_one_job_named_in_its_first_line() -> None:
    for path in STATIC.rglob("*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("// "), path
        assert len(lines) < 320, path
