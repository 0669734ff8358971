"""The page for everybody: axe-core, keyboard alone, touch targets, live region, both schemes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from conftest import OpenPage

PHONE, DESKTOP = (390, 844), (1280, 800)
TESTS = ("hardness", "luster", "streak", "density", "magnetism", "acid")
FORBIDDEN = {"serious", "critical"}
LEAST_TARGET = 44  # CSS pixels


def violations(page: Page) -> list[str]:
    """Serious and critical violations that axe-core finds."""
    # Of the package axe-playwright-python, which brings axe-core (MPL-2.0) in its wheel.
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in FORBIDDEN
        for node in each["nodes"]
    ]


def answered(page: Page, stones: Callable[..., Path]) -> None:
    """A photograph, every test open, and a doubted reading."""
    from playwright.sync_api import expect

    page.set_input_files('[data-file="choose"]', stones(1))
    expect(page.locator(".rank").first).to_be_visible()
    for test in TESTS:
        page.click(f'[data-test="{test}"] .test-head')
    page.fill("#number-hardness", "6-6.5")
    page.click('label:has(input[value="metallic"])')
    page.click('[data-test="streak"] label:has(input[value="white"])')
    page.fill("#number-density", "5.0")
    page.click('[data-test="magnetism"] label:has(input[value="none"])')
    expect(page.locator(".doubts .callout").first).to_be_visible()


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [
        (PHONE, "light", "en"),
        (PHONE, "dark", "zh"),
        (DESKTOP, "light", "zh"),
        (DESKTOP, "dark", "en"),
    ],
    ids=["phone-light-en", "phone-dark-zh", "desktop-light-zh", "desktop-dark-en"],
)
def test_axe_finds_nothing_serious(
    open_page: OpenPage,
    stones: Callable[..., Path],
    size: tuple[int, int],
    scheme: str,
    language: str,
) -> None:
    from playwright.sync_api import expect

    page = open_page(size, language, scheme)
    assert violations(page) == []
    answered(page, stones)
    assert violations(page) == []
    page.locator(".rank-button").first.click()
    expect(page.locator("#card[open] .facts")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_collection(
    open_page: OpenPage, stones: Callable[..., Path], scheme: str
) -> None:
    from playwright.sync_api import expect

    page = open_page(DESKTOP, scheme=scheme, path="#collection")
    page.set_input_files('[data-file="choose-pictures"]', [stones(1), stones(2, "pebble")])
    page.click("[data-start]")
    expect(page.locator(".stone-row")).to_have_count(2)
    assert violations(page) == []


def test_axe_would_find_something(open_page: OpenPage) -> None:
    """The check itself works: a picture without words and grey on grey are found."""
    page = open_page()
    page.evaluate(
        """() => {
            const bad = document.createElement("p");
            bad.textContent = "hardly to be read";
            bad.style.color = "#ccc";
            document.querySelector("main").append(bad, new Image());
        }"""
    )
    found = " ".join(violations(page))
    assert "color-contrast" in found
    assert "image-alt" in found


def focused(page: Page) -> dict[str, Any]:
    """What has the focus: its words, and whether one can see that it has it."""
    result: dict[str, Any] = page.evaluate(
        """() => {
            const element = document.activeElement;
            const seen = [element, element.closest("label")].filter(Boolean)
                .some(each => getComputedStyle(each).outlineStyle !== "none");
            const test = element.closest(".test")?.dataset.test ?? "";
            return {
                words: (element.getAttribute("aria-label") ?? element.textContent ?? "").trim(),
                kind: element.type ?? element.tagName, value: element.value ?? "", test, seen,
            };
        }"""
    )
    return result


def tab_to(page: Page, wanted: Callable[[dict[str, Any]], bool], most: int = 80) -> dict[str, Any]:
    """Press Tab until the focus is there; every stop on the way must be visible as such."""
    for _ in range(most):
        page.keyboard.press("Tab")
        now = focused(page)
        if now["kind"] != "BODY":
            assert now["seen"], now
        if wanted(now):
            return now
    raise AssertionError(f"not reached in {most} presses of Tab; the last: {now}")


def test_everything_by_keyboard_alone(open_page: OpenPage) -> None:
    from playwright.sync_api import expect

    page = open_page(DESKTOP)
    page.keyboard.press("Tab")
    assert focused(page)["words"] == "Skip to the content"
    tab_to(page, lambda now: now["kind"] == "file")

    # Open hardness, choose "scratches" for the knife with the arrow keys.
    tab_to(page, lambda now: now["test"] == "hardness")
    page.keyboard.press("Enter")
    tab_to(page, lambda now: now["kind"] == "radio")  # fingernail: not tried
    page.keyboard.press("ArrowLeft")
    expect(page.locator('[data-test="hardness"] .test-value')).to_have_text("scratches fingernail")

    # A checkbox of luster with the space bar.
    tab_to(page, lambda now: now["test"] == "luster")
    page.keyboard.press("Space")
    tab_to(page, lambda now: now["value"] == "metallic")
    page.keyboard.press("Space")
    expect(page.locator('[data-test="luster"] .test-value')).to_have_text("metallic")
    expect(page.locator(".said")).to_have_count(2)
    assert focused(page)["value"] == "metallic"  # the new answer has not taken the focus away

    # The card of the leading mineral, and back to where one was.
    leader = page.locator(".rank-button").first.inner_text().split("\n")[0]
    tab_to(page, lambda now: now["words"].startswith(leader))
    page.keyboard.press("Enter")
    expect(page.locator("#card[open] .card-title")).to_have_text(leader)
    page.keyboard.press("Escape")
    expect(page.locator("#card[open]")).to_have_count(0)
    assert focused(page)["words"].startswith(leader)

    # The next test leads to its control.
    enter = tab_to(page, lambda now: now["words"].startswith("Enter "))
    page.keyboard.press("Enter")
    assert focused(page)["test"] in enter["words"]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_a_new_ranking_is_said(open_page: OpenPage, stones: Callable[..., Path]) -> None:
    from playwright.sync_api import expect

    page = open_page()
    said = page.locator("#say[aria-live=polite]")
    answered(page, stones)
    expect(said).to_contain_text("Answer: Pyrite.")
    expect(said).to_contain_text("check it on fresh powder")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_touch_targets_are_large_and_nothing_runs_off_the_screen(
    open_page: OpenPage, stones: Callable[..., Path], language: str
) -> None:
    page = open_page(PHONE, language)
    answered(page, stones)
    small = page.evaluate(
        """least => [...document.querySelectorAll("button, a, summary, select, input, label")]
            .filter(e => !e.matches(".visually-hidden, .option-input, .way-input, .skip, .field-label"))
            .map(e => [e, e.getBoundingClientRect()])
            .filter(([e, box]) => box.width > 0 && (box.height < least - 0.5 || box.width < least - 0.5))
            .map(([e, box]) => `${e.outerHTML.slice(0, 80)} ${box.width}x${box.height}`)""",
        LEAST_TARGET,
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_a_narrow_phone_and_large_type_still_fit(
    open_page: OpenPage, stones: Callable[..., Path]
) -> None:
    page = open_page((320, 640))
    answered(page, stones)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
