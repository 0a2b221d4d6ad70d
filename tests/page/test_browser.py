"""The page in a browser: it opens and closes, searches, explains, is used by keys, and complains of nothing.

Screenshots are kept in screenshots/, for people to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import graphspec
from graphspec.page.bundle import page_of
from tests.chromium import Chromium, Tab
from tests.page.models import HOSTILE, LEAKY, ROOT, SHOWN, TRANSFORMER, TURNS, large_page, told

SCREENSHOTS = ROOT / "screenshots"
SHIFT = 8

Show = Callable[..., Tab]
Open = Callable[[str], Tab]


@pytest.fixture
def opened(browser: Chromium, tmp_path: Path) -> Iterator[Open]:
    """`opened(page)`: a tab with a page; none may have anything to complain of."""
    tabs: list[Tab] = []

    def open(page: str) -> Tab:
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        tabs.append(Tab(browser))
        tabs[-1].go(path.as_uri())
        return tabs[-1]

    yield open
    for tab in tabs:
        complaints = tab.complaints()
        tab.close()
        assert complaints == []


@pytest.fixture
def show(opened: Open) -> Show:
    """`show(spec)`: a tab with the spec's page."""
    return lambda spec, **options: opened(page_of(told(spec, **options)))


def labelled(start: str, at: int = 0) -> str:
    """The item whose spoken words begin so, as an expression."""
    return f"[...document.querySelectorAll('[role=treeitem]')].filter(e => e.getAttribute('aria-label').startsWith('{start}'))[{at}]"


def items(tab: Tab) -> list[str]:
    return tab.js("[...document.querySelectorAll('[role=treeitem]')].map(e => e.getAttribute('aria-label'))")


def focused(tab: Tab) -> str:
    return tab.js("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def details(tab: Tab) -> str:
    return tab.js("document.getElementById('details').innerText")


def marked(tab: Tab) -> list[str]:
    """The numbers of the highlighted lines."""
    return tab.js("[...document.querySelectorAll('.line.marked .number')].map(e => e.textContent)")


# -- opening and closing ----------------------------------------------------------------------------------------------


def test_a_click_opens_a_block_and_closes_it(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    tab.look(SCREENSHOTS / "transformer.png")
    before = items(tab)
    assert sum(words.startswith("Multi-head attention") for words in before) == 1
    tab.click(labelled("Multi-head attention"))
    after = items(tab)
    assert any(words.startswith("Attention, ") for words in after)
    assert sum(words.startswith("Linear") for words in after) == sum(words.startswith("Linear") for words in before) + 4
    assert tab.js(f"{labelled('Attention')}.getAttribute('aria-expanded')") == "true"
    assert marked(tab) == ["19"]
    assert "encoder.attention" in details(tab), "not of what came under the pointer meanwhile"
    tab.look(SCREENSHOTS / "transformer_opened.png")
    tab.click(labelled("Attention"))
    assert items(tab) == before


def test_a_click_on_a_box_within_leaves_the_block_open(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    before = items(tab)
    tab.click(labelled("Add & Norm"))
    assert items(tab) == before
    assert marked(tab) == ["20", "21"]
    assert "encoder.norm1" in details(tab)
    assert "x + dropout(attention, drop)" in details(tab)


def test_a_drag_moves_and_opens_nothing(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    before = items(tab), tab.js(f"{labelled('Feed-forward')}.getBoundingClientRect().x")
    x, y = tab.middle(labelled("Feed-forward"))
    tab.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    for step in (10, 30, 60):
        tab.mouse("mouseMoved", x + step, y, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 60, y, button="left", clickCount=1)
    assert items(tab) == before[0]
    assert tab.js(f"{labelled('Feed-forward')}.getBoundingClientRect().x") == pytest.approx(before[1] + 60, abs=1)


def test_all_open_and_all_closed(show: Show) -> None:
    tab = show(graphspec.load(ROOT / "specs/llm/deepseek_v2.yaml"))
    tab.look(SCREENSHOTS / "deepseek_v2.png")
    tab.click("document.getElementById('open-all')")
    opened = items(tab)
    assert not tab.js("document.querySelectorAll('#pane [aria-expanded=false]').length")
    assert any(words.startswith("Feed forward × 64, weighted") or "× 64, weighted" in words for words in opened)
    tab.look(SCREENSHOTS / "deepseek_v2_opened.png")
    tab.click("document.getElementById('close-all')")
    assert not tab.js("document.querySelectorAll('.frame').length")
    assert len(items(tab)) < 10


def test_turns_that_differ_when_opened_are_drawn_one_after_another(show: Show) -> None:
    tab = show(graphspec.loads(TURNS))
    assert any("× 2·n = 6" in words for words in items(tab))
    tab.look(SCREENSHOTS / "turns.png")
    tab.click(labelled("Feed-forward"))
    tab.look(SCREENSHOTS / "turns_opened.png")
    opened = items(tab)
    assert any("× 3" in words for words in opened)
    assert sum(words.startswith("Turn") for words in opened) == 2
    tab.click(labelled("Feed-forward"))
    tab.click(labelled("Feed-forward", 1))
    assert any("× 2·n = 6" in words for words in items(tab))


# -- facts ------------------------------------------------------------------------------------------------------------


def test_hovering_tells_the_facts(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    x, y = tab.middle(labelled("Cross-attention"))
    tab.mouse("mouseMoved", x, y)
    found = details(tab)
    for fact in ("decoder.cross_attention", "B T d_model", "1,050,624", "1.05 M", "x[0 … t]", "all of memory", ":33"):
        assert fact in found
    assert marked(tab) == ["33"]
    tab.mouse("mouseMoved", 700, 890)
    assert "63,082,496" in details(tab)


def test_a_refuted_contract_paints_its_path(show: Show) -> None:
    tab = show(graphspec.loads(LEAKY))
    assert tab.js("document.querySelectorAll('.contract.refuted').length") == 1
    assert not tab.js("document.querySelectorAll('.leap').length")
    tab.click("document.querySelector('.contract.refuted button')")
    painted = tab.js("[...document.querySelectorAll('.leap')].map(e => e.getAttribute('aria-label'))")
    assert [words.partition(",")[0] for words in painted] == ["Multi-head attention"]
    assert tab.js("document.activeElement.getAttribute('aria-pressed')") == "true", "the button keeps the focus"
    tab.look(SCREENSHOTS / "refuted.png")
    tab.click(labelled("Multi-head attention", 1))
    assert tab.js("document.querySelectorAll('.leap').length") == 1, "the path goes on within the block"
    tab.click("document.querySelector('.contract.refuted button')")
    assert not tab.js("document.querySelectorAll('.leap').length")


def test_a_line_of_the_source_shows_its_box(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    tab.click("document.querySelectorAll('.line')[35]")  # ffn of the decoder
    assert tab.js("[...document.querySelectorAll('.found')].map(e => e.getAttribute('aria-label').split(',')[0])") == [
        "Feed-forward"
    ]
    assert "decoder.ffn" in details(tab)
    tab.click("document.querySelectorAll('#files button')[2]")
    tab.click("document.querySelectorAll('.line')[9]")  # up of std.ffn, which no open block shows yet
    assert tab.js("[...document.querySelectorAll('.found')].map(e => e.getAttribute('aria-label').split(',')[0])") == [
        "Linear + ReLU",
        "Feed-forward",
    ]


def test_a_hostile_spec_is_only_read(show: Show) -> None:
    tab = show(graphspec.loads(HOSTILE))
    assert tab.js("document.title") == SHOWN
    assert tab.js("document.querySelectorAll('img, main script').length") == 0
    assert any(words.startswith(SHOWN) for words in items(tab))
    tab.click(labelled('"quoted" & <b>bold</b>'))
    assert '"quoted" & <b>bold</b>' in details(tab)
    assert tab.js("document.getElementById('text').innerText").count("</script>") == HOSTILE.count("</script>")


# -- search and keys --------------------------------------------------------------------------------------------------


def test_search_opens_what_hides_a_name_and_goes_there(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    tab.key("/")
    tab.type("merged")
    assert tab.js("document.querySelectorAll('#found [role=option]').length") == 3
    assert tab.js("document.querySelectorAll('.found').length") == 3, "what hides them is marked"
    tab.look(SCREENSHOTS / "search.png")
    tab.key("ArrowDown")
    tab.key("Enter")
    assert focused(tab).startswith("Merge")
    assert "decoder.self_attention.merged" in details(tab)
    assert tab.js("document.getElementById('found').hidden")
    tab.key("/")
    tab.js("document.getElementById('search').select()")
    tab.type("nothing of the kind")
    assert "nothing of that name" in tab.js("document.getElementById('found').innerText")
    tab.key("Escape")
    assert tab.js("document.getElementById('search').value") == ""


def test_the_picture_is_one_stop_of_the_tab_key_and_a_tree(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    assert tab.js("document.querySelectorAll('#pane [tabindex=\"0\"]').length") == 1
    tab.js("document.querySelector('#pane [tabindex=\"0\"]').focus()")
    assert focused(tab).startswith("source")
    tab.key("ArrowUp")
    assert focused(tab).startswith("target")
    tab.key("ArrowUp")
    assert focused(tab).startswith("Embedding + positions")
    tab.key("ArrowUp")
    assert focused(tab).startswith("Encoder × layers = 6")
    tab.key("ArrowRight")
    assert focused(tab).startswith("Multi-head attention")
    tab.key("Enter")
    assert focused(tab).startswith("Attention")
    assert tab.js("document.activeElement.getAttribute('aria-expanded')") == "true"
    tab.key("ArrowRight")
    assert focused(tab).startswith("Linear")
    tab.key("ArrowLeft")
    tab.key("ArrowLeft")
    assert focused(tab).startswith("Multi-head attention")
    assert tab.js("document.activeElement.getAttribute('aria-expanded')") == "false"
    assert tab.js("getComputedStyle(document.activeElement.querySelector('.shape')).strokeWidth") == "3.2px"
    tab.key("Escape")
    assert "63,082,496" in details(tab)


def test_keys_zoom_and_pan(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    tab.js("matchMedia('(prefers-reduced-motion: reduce)').matches")
    wide = "document.querySelector('svg.picture').getBoundingClientRect().width"
    before = tab.js(wide)
    tab.key("+")
    assert tab.js(wide) == pytest.approx(before * 1.25)
    left = tab.js("document.querySelector('svg.picture').getBoundingClientRect().x")
    tab.key("ArrowLeft", SHIFT)
    assert tab.js("document.querySelector('svg.picture').getBoundingClientRect().x") == pytest.approx(left + 60)
    tab.key("0")
    tab.wait(f"Math.abs({wide} - {before}) < 1")


def test_the_wheel_zooms_where_it_is(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    x, y = tab.middle(labelled("Cross-attention"))
    tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    tab.wait("document.querySelector('svg.picture').getBoundingClientRect().width > 1000")
    assert tab.js(f"document.elementFromPoint({x}, {y}).closest('[role=treeitem]') === {labelled('Cross-attention')}")


def test_two_fingers_zoom(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    wide = "document.querySelector('svg.picture').getBoundingClientRect().width"
    before = tab.js(wide)
    tab.touch("touchStart", (700, 400), (800, 400))
    tab.touch("touchMove", (650, 400), (850, 400))
    tab.touch("touchMove", (600, 400), (900, 400))
    tab.touch("touchEnd")
    assert tab.js(wide) == pytest.approx(before * 3, rel=0.1)
    assert items(tab) == items(show(graphspec.load(TRANSFORMER))), "nothing was opened"


# -- looks ------------------------------------------------------------------------------------------------------------


def test_light_and_dark(show: Show) -> None:
    tab = show(graphspec.load(TRANSFORMER))
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.js(ground) == "rgb(255, 255, 255)"
    tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.js(ground) == "rgb(22, 24, 29)"
    tab.look(SCREENSHOTS / "dark.png")
    tab.click("document.getElementById('theme')")
    assert tab.js(ground) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", ["llm/llama", "vision/clip", "speech/whisper"])
def test_pages_of_the_gallery(show: Show, name: str) -> None:
    tab = show(graphspec.load(ROOT / f"specs/{name}.yaml"))
    tab.look(SCREENSHOTS / f"{Path(name).name}.png")
    clipped = "[...document.querySelectorAll('.box')].filter(e => e.querySelector('.title').getBoundingClientRect().width > e.querySelector('.shape').getBoundingClientRect().width).length"
    assert tab.js(clipped) == 0
    tab.click("document.getElementById('open-all')")
    assert tab.js(clipped) == 0
    tab.look(SCREENSHOTS / f"{Path(name).name}_opened.png")


def test_two_thousand_nodes_unfolded(opened: Open) -> None:
    tab = opened(large_page())
    tab.js("document.getElementById('open-all').click()")
    assert tab.js("document.querySelectorAll('[role=treeitem]').length") > 2000
    tab.js("document.querySelector('svg.picture').remembered = true")
    x, y = 700, 450
    tab.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    for step in range(5, 60, 5):
        tab.mouse("mouseMoved", x + step, y, button="left", buttons=1)
    tab.mouse("mouseReleased", x, y, button="left", clickCount=1)
    assert tab.js("document.querySelector('svg.picture').remembered"), "panning draws nothing again"
