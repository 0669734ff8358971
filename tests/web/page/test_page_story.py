"""The whole story of one stone: photograph, ranking, tests, a doubted reading, next test, report."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from mineralid.identify import Report

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from conftest import OpenPage, Site

SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
# language -> Pyrite, doubt (how strong it is told depends on the bundle), "not tested"
WORDS = {
    "en": (
        "Pyrite",
        re.compile("Your streak (sits badly with|contradicts) the rest: check it on fresh powder."),
        "not tested",
    ),
    "zh": (
        "黄铁矿",
        re.compile("条痕与其余结果(不太相符|矛盾)：请用新鲜粉末再看一次。"),
        "未测试",
    ),
}


def row(page: Page, test: str) -> str:
    """Open a test's control; its selector."""
    selector = f'[data-test="{test}"]'
    if page.locator(f"{selector} .test-body").is_hidden():
        page.click(f"{selector} .test-head")
    return selector


def choose(page: Page, test: str, token: str) -> None:
    """Choose a word of a test as a finger would: on its label."""
    page.click(f'{row(page, test)} label:has(input[value="{token}"])')


def photograph(body: bytes) -> Image.Image:
    """The JPEG in a multipart body."""
    start = body.index(b"\xff\xd8\xff")
    return Image.open(io.BytesIO(body[start:]))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
def test_the_whole_story(
    open_page: OpenPage, site: Site, stones: Callable[..., Path], size: str, language: str
) -> None:
    from playwright.sync_api import expect

    pyrite, doubt, untested = WORDS[language]
    site.sent.clear()
    page = open_page(SIZES[size], language)
    expect(page.locator('[data-test="streak"] .test-value')).to_have_text(untested)

    # A photograph: a ranking at once, with a probability for each.
    page.set_input_files('[data-file="choose"]', stones(1, size=1600))
    expect(page.locator(".rank").first).to_be_visible()
    assert len(page.locator(".rank:not(.rank-rest):visible").all()) == 5
    percents = page.locator(".rank-percent").all_inner_texts()
    assert all(text.strip().endswith("%") for text in percents)
    assert max(photograph(site.sent[0]).size) == 1024  # it was shrunk before it was sent
    expect(page.locator(".set-words")).to_contain_text("90")

    # The best next test, what each outcome would mean, and a way to its control.
    expect(page.locator(".next-best .outcomes tbody tr").first).to_be_visible()
    assert "%" in page.locator(".next-best .outcome-then").first.inner_text()
    page.click(".next-best .button")
    assert page.locator('.test-head[aria-expanded="true"]').count() == 1

    # Tests in any order; every change ranks anew.
    before = page.locator(".rank-percent").first.inner_text()
    page.fill(f"{row(page, 'hardness')} #number-hardness", "6-6.5")
    expect(page.locator(".said")).to_have_count(1)
    expect(page.locator(".rank-percent").first).not_to_have_text(before)
    choose(page, "luster", "metallic")
    page.fill(f"{row(page, 'density')} #number-density", "5.0")
    choose(page, "magnetism", "none")
    expect(page.locator(".said")).to_have_count(4)
    expect(page.locator(".title")).to_contain_text(pyrite)

    # A reading that the rest contradicts is told plainly, with the way back to it.
    choose(page, "streak", "white")
    warning = page.locator(".callout", has_text=doubt)
    expect(warning).to_be_visible()
    expect(page.locator('[data-test="streak"].is-doubted')).to_be_visible()
    page.click('[data-test="streak"] .test-head')
    warning.locator("button").click()
    expect(page.locator('[data-test="streak"] .test-body')).to_be_visible()

    # The report, as the command line writes it.
    with page.expect_download() as saving:
        page.click('[data-save="json"]')
    saved = json.loads(Path(saving.value.path()).read_text(encoding="utf-8"))
    report = Report.model_validate(saved)
    assert report.answer == "Pyrite"
    assert {r.test: r.status for r in report.readings}["streak"] != "used"
    with page.expect_download() as saving:
        page.click('[data-save="csv"]')
    text = Path(saving.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["mineral"] for r in rows] == [c.name for c in report.candidates]
    assert rows[0]["name"] == pyrite
    assert rows[0]["streak"] == "white"

    # Put right, the doubt is gone; taken back, the test is not tested again.
    choose(page, "streak", "greenish-black")
    choose(page, "streak", "white")
    expect(warning).to_have_count(0)
    page.click('[data-test="streak"] .untested')
    expect(page.locator('[data-test="streak"] .test-value')).to_have_text(untested)
    expect(page.locator(".said")).to_have_count(4)

    # All that with one photograph sent once.
    assert site.photographs_sent == 1
    assert len(site.sent) >= 5  # quick changes are one question
    assert all(b'name="token"' in body for body in site.sent[1:])
    assert max(map(len, site.sent[1:])) < 2000


def test_readings_alone_are_answered(open_page: OpenPage, site: Site) -> None:
    from playwright.sync_api import expect

    site.sent.clear()
    page = open_page()
    hardness = row(page, "hardness")
    page.click(f"{hardness} .tool:has-text('knife') .way-above")
    page.click(f"{hardness} .tool:has-text('quartz') .way-below")
    expect(page.locator('[data-test="hardness"] .test-value')).to_have_text(
        "scratches knife, scratched by quartz"
    )
    choose(page, "luster", "metallic")
    choose(page, "streak", "greenish-black")
    expect(page.locator(".said")).to_have_count(3)
    expect(page.locator(".rank-name").first).to_have_text("Pyrite")
    assert site.photographs_sent == 0
    assert b"scratches knife; scratched by quartz" in site.sent[-1]


def test_tools_show_on_the_scale_what_they_leave_possible(open_page: OpenPage) -> None:
    from playwright.sync_api import expect

    page = open_page()
    hardness = row(page, "hardness")
    assert page.locator(f"{hardness} .scale-possible").count() == 0
    page.click(f"{hardness} .tool:has-text('coin') .way-above")
    page.click(f"{hardness} .tool:has-text('glass') .way-below")
    band = page.locator(f"{hardness} .scale-possible")
    expect(band).to_be_visible()
    expect(page.locator(".said")).to_have_count(1)
    ticks = page.locator(f"{hardness} .scale-tick")
    four, five, six = (ticks.nth(i).bounding_box() for i in (3, 4, 5))
    drawn = band.bounding_box()
    assert drawn and four and five and six
    assert drawn["x"] < four["x"] < five["x"] < drawn["x"] + drawn["width"] < six["x"]


def test_the_control_stays_under_the_finger(open_page: OpenPage) -> None:
    """On a phone the answer stands above the tests; when it comes, the control must not run away."""
    from playwright.sync_api import expect

    page = open_page()
    way = f"{row(page, 'hardness')} .tool:has-text('coin') .way-above"
    page.locator(way).scroll_into_view_if_needed()
    before = page.locator(way).bounding_box()
    page.click(way)
    expect(page.locator(".rank").first).to_be_attached()
    expect(page.locator(".said")).to_have_count(1)
    after = page.locator(way).bounding_box()
    assert before and after
    assert abs(before["y"] - after["y"]) < 2


def test_several_photographs_go_together_and_can_be_left_out(
    open_page: OpenPage, site: Site, stones: Callable[..., Path]
) -> None:
    from playwright.sync_api import expect

    site.sent.clear()
    page = open_page()
    page.set_input_files('[data-file="choose"]', [stones(1), stones(2)])
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator(".rank").first).to_be_visible()
    assert site.sent[-1].count(b'name="photos"') == 2
    page.set_input_files('[data-file="add"]', stones(3))
    expect(page.locator(".thumb")).to_have_count(3)
    page.get_by_role("button", name="Remove picture 3").click()
    expect(page.locator(".thumb")).to_have_count(2)
    expect(page.locator("#stone.is-busy")).to_have_count(0)
    assert site.sent[-1].count(b'name="photos"') == 2


def test_a_dropped_photograph_is_taken(
    open_page: OpenPage, site: Site, stones: Callable[..., Path]
) -> None:
    from playwright.sync_api import expect

    page = open_page(SIZES["desktop"])
    content = list(stones(1).read_bytes())
    dropped = page.evaluate_handle(
        """bytes => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "stone.jpg", { type: "image/jpeg" }));
            return files;
        }""",
        content,
    )
    page.dispatch_event("#photos", "drop", {"dataTransfer": dropped})
    expect(page.locator(".rank").first).to_be_visible()
    expect(page.locator(".stage-picture")).to_be_visible()


def test_a_forgotten_photograph_is_sent_again_by_itself(
    open_page: OpenPage, host: Callable[..., Site], tiny: object, stones: Callable[..., Path]
) -> None:
    from playwright.sync_api import expect

    with host(tiny, token_seconds=1.0) as site:
        page = open_page(of=site)
        page.set_input_files('[data-file="choose"]', stones(1))
        expect(page.locator(".rank").first).to_be_visible()
        assert site.photographs_sent == 1
        page.wait_for_timeout(1500)
        choose(page, "luster", "metallic")
        expect(page.locator(".said")).to_have_count(1)
        assert site.photographs_sent == 2
        assert b'name="token"' in site.sent[-2]
        assert page.locator(".field-error:visible").count() == 0
