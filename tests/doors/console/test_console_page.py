"""The console in a real browser: what people see, and that nothing stored becomes a part of the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from support.console import ADMIN, photo
from support.local_platform import Running
from tieback_contract.query import OPTIONS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a Chromium (Debian: apt-get install chromium)"
)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 60_000
"""Milliseconds that a test waits at most for what it expects."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, platform: Running) -> Iterator[Page]:
    """The console with a token. It fails where the page reports an error or breaks its own policy."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.add_init_script(f"sessionStorage.setItem('tieback-token', '{ADMIN}')")
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    wrong: list[str] = []

    def noted(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            wrong.append(message.text)

    made.on("console", noted)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.goto(f"{platform.http}/console/")
    yield made
    assert wrong == []
    context.close()


def ask(page: Page, text: str) -> None:
    page.select_option("select[name=collection]", "notes")
    page.fill("#question", text)
    page.press("#question", "Enter")
    page.wait_for_selector(".answer[aria-busy=false]")


def test_a_quote_is_marked_in_its_passage_and_a_click_leads_to_the_cited_bytes(page: Page) -> None:
    ask(page, "When is the tide highest in Brest?")

    expect(page.locator(".answer .around mark")).to_have_text("The tide is highest at noon in Brest.")
    expect(page.locator(".answer .around")).to_contain_text("The moon pulls the sea.")
    assert page.locator(".answer .sign").count() == 0
    page.locator(".answer .source").first.click()
    expect(page.locator("dialog .cited")).to_have_text("The tide is highest at noon in Brest.")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_a_link_with_the_request_shows_the_answer_again(page: Page) -> None:
    ask(page, "When is the tide highest in Brest?")
    said, address = page.inner_text(".answer"), page.url
    assert re.search(r"#request/[0-9a-f]+$", address)

    page.reload()
    page.wait_for_selector(".answer[aria-busy=false]")

    assert page.inner_text(".answer") == said
    assert page.input_value("#question") == "When is the tide highest in Brest?"


def test_the_steps_of_a_search_are_a_waterfall_and_hits_have_bars(page: Page) -> None:
    page.goto(page.url + "#search?c=notes&q=flour+and+salt")

    expect(page.locator(".hit").first).to_contain_text("Bread is made of flour")
    steps = page.locator(".waterfall th[scope=row]").all_inner_texts()
    assert {"search", "vector_search", "word_search", "merge"} <= set(steps)
    widths = (
        page.locator(".hit")
        .first.locator(".bar .value")
        .evaluate_all("all => all.map(one => one.style.width)")
    )
    assert "100%" in widths


def test_every_option_of_a_query_has_a_control_and_what_is_chosen_is_asked_for(page: Page) -> None:
    page.goto(page.url + "#search")
    page.click("form summary")
    for one in OPTIONS:
        expect(page.locator(f'form [name="options.{one.name}"]')).to_be_visible()
    page.select_option("select[name=collection]", "notes")
    page.select_option('[name="options.granularity"]', "document")
    page.select_option('[name="options.hybrid"]', "false")
    page.fill('[name="options.diversity"]', "0.5")
    page.fill("#question", "flour and salt")
    page.press("#question", "Enter")

    page.wait_for_selector(".hit")
    expect(page.locator(".behind")).to_contain_text("vectors · diversity 0.5 · whole documents")


def test_what_is_stored_is_shown_as_it_is_and_never_runs(page: Page) -> None:
    page.goto(page.url + "#search?c=notes&q=cats+bread+flour")
    page.wait_for_selector(".hit")

    titles = page.locator(".hit .title").all_inner_texts()
    assert any("<script>" in one for one in titles)
    hit = page.locator(".hit", has_text="they purr")
    expect(hit).to_contain_text("⟨U+202E⟩yad lla")
    page.locator(".hit", has_text="Bread is made").locator(".title").click()
    expect(page.locator("dialog .facts")).to_contain_text("<script>")
    assert (
        page.evaluate("document.querySelectorAll('.hit script, .hit img, dialog script, dialog img').length")
        == 0
    )
    assert page.title() == "tieback console"


def test_a_photo_is_shown(page: Page) -> None:
    page.goto(page.url + "#ask")
    page.select_option("select[name=collection]", "album")
    page.click(".ask summary")
    page.set_input_files("input[name=image]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.click(".go")
    page.wait_for_selector(".hit .thumbnail img")
    page.locator(".hit .title").first.click()

    expect(page.locator("dialog .photo img")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog .photo img').naturalWidth") == 64


def test_a_vote_is_kept(page: Page) -> None:
    page.goto(page.url + "#search?c=notes&q=tide")
    page.locator(".hit .votes button").first.click()

    expect(page.locator("#said")).to_have_text("kept")
    expect(page.locator(".hit .votes button").first).to_have_attribute("aria-pressed", "true")


def test_keys_lead_through_the_page(page: Page) -> None:
    page.wait_for_selector("#question")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("3")
    expect(page.locator("h2").first).to_have_text("Collections")
    page.keyboard.press("2")
    page.select_option("select[name=collection]", "notes")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type("tide")
    page.keyboard.press("Enter")
    page.wait_for_selector(".hit")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("dialog")).to_be_visible()


def test_the_view_that_was_asked_for_last_is_shown(page: Page) -> None:
    views = ["ask", "collections", "search?c=notes&q=tide", "services"]
    for _ in range(3):
        page.evaluate("views => { for (const view of views) location.hash = view; }", views)
        expect(page.locator("h2").first).to_contain_text("Services of tieback")
    page.wait_for_timeout(500)
    expect(page.locator("h2").first).to_contain_text("Services of tieback")


def test_services_and_collections_are_listed(page: Page) -> None:
    page.goto(page.url + "#services")
    expect(page.locator("main")).to_contain_text("encoder:all-minilm-l6-v2")
    page.click("[data-view=collections]")
    expect(page.locator("main table").first).to_contain_text("album")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen_in_light_and_dark(browser: Browser, platform: Running, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_init_script(f"sessionStorage.setItem('tieback-token', '{ADMIN}')")
    page = context.new_page()
    for view in ("#search?c=notes&q=tide", "#collections", "#services"):
        page.goto(f"{platform.http}/console/{view}")
        page.wait_for_selector(".hit, table", timeout=PATIENCE)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", back)[:3])) < 100) is (scheme == "dark")
    context.close()


def test_without_a_token_it_asks_for_one(browser: Browser, platform: Running) -> None:
    page = browser.new_page()
    page.goto(f"{platform.http}/console/")
    page.wait_for_selector("dialog input[name=token]", timeout=PATIENCE)
    page.fill("dialog input[name=token]", ADMIN)
    page.click("dialog button[type=submit]")

    expect(page.locator("select[name=collection]")).to_contain_text("notes", timeout=PATIENCE)
    page.close()
