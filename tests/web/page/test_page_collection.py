"""Many stones in the page: pictures or a table, progress, filter, correct, look at one, export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import OpenPage, Site

PHONE, DESKTOP = (390, 844), (1280, 800)
TABLE = """photo,hardness,luster,streak,density,found at
stone-b.jpg,6-6.5,metallic,greenish black,5.0,Elba
stone-a.jpg,6-6.5,metallic,white,5.0,"Elba, again"
,7,vitreous,white,2.65,Alps
,rather hard,metallic,red,,Siegerland
"""


@pytest.fixture
def folder(stones: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with two pictures and a table that names them."""
    within = tmp_path / "box"
    within.mkdir()
    (within / "stone-a.jpg").write_bytes(stones(1).read_bytes())
    (within / "stone-b.jpg").write_bytes(stones(2).read_bytes())
    (within / "table.csv").write_text(TABLE, encoding="utf-8")
    (within / "notes.pdf").write_bytes(b"%PDF-1.4")
    return within


def exported(page: object) -> list[dict[str, str]]:
    """The rows of the exported file."""
    with page.expect_download() as saving:  # type: ignore[attr-defined]
        page.click("[data-export]")  # type: ignore[attr-defined]
    text = Path(saving.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(("size", "language"), [(DESKTOP, "en"), (PHONE, "zh")])
def test_a_folder_with_a_table(
    open_page: OpenPage, site: Site, folder: Path, size: tuple[int, int], language: str
) -> None:
    from playwright.sync_api import expect

    site.sent.clear()
    page = open_page(size, language)
    page.click('nav a[href="#collection"]')
    page.set_input_files('[data-file="choose-folder"]', folder)
    expect(page.locator(".chosen")).to_contain_text("table.csv")
    page.click("[data-start]")
    rows = page.locator(".stone-row")
    expect(rows).to_have_count(4)
    expect(page.locator(".run progress")).to_have_count(0)
    pyrite = {"en": "Pyrite", "zh": "黄铁矿"}[language]
    expect(rows.nth(0).locator(".row-name")).to_have_text(pyrite)
    expect(rows.nth(1).locator(".row-doubt")).to_be_visible()
    expect(rows.nth(3)).to_contain_text("rather hard")
    expect(rows.nth(0).locator("img.row-picture")).to_be_visible()

    # Filter by what became of them, and by words.
    page.select_option(".toolbar select", "doubted")
    expect(page.locator(".stone-row:visible")).to_have_count(1)
    page.select_option(".toolbar select", "failed")
    expect(page.locator(".stone-row:visible")).to_contain_text("Siegerland")
    page.select_option(".toolbar select", "all")
    page.fill(".toolbar input", "alps")
    expect(page.locator(".stone-row:visible")).to_have_count(1)
    page.fill(".toolbar input", "")

    # Correct one.
    rows.nth(2).locator("input").fill("Amethyst")
    rows.nth(2).locator("input").blur()
    page.select_option(".toolbar select", "corrected")
    expect(page.locator(".stone-row:visible")).to_have_count(1)
    page.select_option(".toolbar select", "all")

    table = exported(page)
    assert [row["photos"] for row in table] == ["stone-b.jpg", "stone-a.jpg", "", ""]
    assert [row["found at"] for row in table] == ["Elba", "Elba, again", "Alps", "Siegerland"]
    assert table[0]["answer"] == "Pyrite"
    assert table[0]["name"] == pyrite
    assert table[1]["doubted"] == "streak"
    assert table[2]["corrected"] == "Amethyst"
    assert "rather hard" in table[3]["error"]

    # Look at the doubted one as a stone, put it right, and take the answer back.
    rows.nth(1).locator("> .round").click()
    expect(page.locator(".doubts .callout").first).to_be_visible()
    expect(page.locator('[data-test="streak"] .test-value')).to_have_text("white")
    page.click('[data-test="streak"] .test-head')
    page.click('[data-test="streak"] label:has(input[value="greenish-black"])')
    expect(page.locator(".doubts .callout")).to_have_count(0)
    assert site.photographs_sent == 0  # the row's own token was used
    page.click("#back")
    expect(rows.nth(1).locator(".row-doubt")).to_have_count(0)
    assert exported(page)[1]["doubted"] == ""
    assert exported(page)[2]["corrected"] == "Amethyst"


def test_what_is_wrong_is_told_in_chinese_and_can_be_put_right(
    open_page: OpenPage, stones: Callable[..., Path], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    table = tmp_path / "table.csv"
    table.write_text("photo,hardness,strek\nstone-a.jpg,rather hard,red\n", encoding="utf-8")
    photo = tmp_path / "stone-a.jpg"
    photo.write_bytes(stones(1).read_bytes())
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    page = open_page(DESKTOP, "zh", path="#collection")
    page.set_input_files('[data-file="choose-pictures"]', [photo, broken])
    page.set_input_files('[data-file="choose-table"]', table)
    page.click("[data-start]")
    rows = page.locator(".stone-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("无法识别硬度读数“rather hard”")
    expect(rows.nth(1)).to_contain_text("照片 broken.jpg 无法使用")
    expect(page.locator(".run")).to_contain_text("表格中没有提到的照片：1 张")
    expect(page.locator(".run")).to_contain_text("列“strek”未被读取")

    # A stone without an answer can be opened, tested and taken back like any other.
    rows.nth(0).locator("> .round").click()
    expect(page.locator(".rank").first).to_be_visible()
    page.click('[data-test="luster"] .test-head')
    page.click('[data-test="luster"] label:has(input[value="metallic"])')
    expect(page.locator(".said")).to_have_count(1)
    page.click("#back")
    expect(rows.nth(0)).not_to_contain_text("无法识别")
    assert exported(page)[0]["error"] == ""


def test_nothing_that_can_be_used_is_said(open_page: OpenPage, folder: Path) -> None:
    from playwright.sync_api import expect

    page = open_page(path="#collection")
    page.set_input_files('[data-file="choose-table"]', folder / "notes.pdf")
    expect(page.locator(".collect .field-error")).to_be_visible()
    expect(page.locator("[data-start]")).to_have_count(0)


def test_a_table_that_is_none_is_refused_in_words(open_page: OpenPage, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    table = tmp_path / "wrong.csv"
    table.write_text("name,colour\nstone,red\n", encoding="utf-8")
    page = open_page(path="#collection")
    page.set_input_files('[data-file="choose-table"]', table)
    page.click("[data-start]")
    expect(page.locator(".collect .field-error")).to_contain_text("Known: photo, hardness")


def test_a_run_can_be_stopped(open_page: OpenPage, stones: Callable[..., Path]) -> None:
    from playwright.sync_api import expect

    page = open_page(DESKTOP, path="#collection")
    # The answers never come, so that there is time to stop.
    none = {"rows": [], "state": "running", "done": 0, "total": 6}
    page.route("**/api/batch/*?from=*", lambda route: route.fulfill(json=none))
    page.set_input_files('[data-file="choose-pictures"]', [stones(n) for n in range(1, 7)])
    page.click("[data-start]")
    page.locator(".run button").click()
    expect(page.locator(".run progress")).to_have_count(0)
    expect(page.locator(".run-words")).to_contain_text("Stopped")


def test_a_dropped_folder_is_opened(open_page: OpenPage) -> None:
    """Folders come as entries; their files keep their paths below the folder."""
    page = open_page(path="#collection")
    found = page.evaluate(
        """async () => {
            const { droppedFiles, sorted } = await import("./static/collection/dropped.js");
            const file = name => ({ name, isFile: true, file: done => done(new File(["x"], name)) });
            const folder = (name, entries) => {
                const left = [...entries, null].map(e => (e ? [e] : []));
                return { name, isFile: false, createReader: () => ({ readEntries: done => done(left.shift()) }) };
            };
            const box = folder("box", [file("a.jpg"), folder("inner", [file("b.PNG"), file(".hidden.jpg")]), file("t.csv")]);
            const transfer = { items: [{ webkitGetAsEntry: () => box }], files: [] };
            const { photos, table, others } = sorted(await droppedFiles(transfer));
            return { photos: photos.map(p => p.path), table: table.path, others };
        }"""
    )
    assert found == {"photos": ["a.jpg", "inner/b.PNG"], "table": "t.csv", "others": 0}
