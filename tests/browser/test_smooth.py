"""Fifty people on one page of the demo, whose cursors all move: what that costs a visitor."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.crowd import ROOM, Crowd
from tests.support.server import Server, environment

pytestmark = pytest.mark.alone

PEOPLE = 50
SECONDS = 5
WATCH = """async seconds => {
    const tasks = [];
    const observer = new PerformanceObserver(list => tasks.push(...list.getEntries()));
    observer.observe({ type: 'longtask', buffered: false });
    let frames = 0;
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
        await new Promise(requestAnimationFrame);
        frames += 1;
    }
    observer.disconnect();
    const lengths = tasks.map(task => task.duration);
    return { frames, count: lengths.length, total: lengths.reduce((a, b) => a + b, 0),
             longest: Math.max(0, ...lengths) };
}"""


@pytest.fixture
def page(browser: Browser) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    yield context.new_page()
    context.close()


def test_fifty_moving_cursors_are_all_drawn_and_the_page_answers(
    page: Page, record_testsuite_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(command="demo", variables=environment({})) as server:
        page.goto(f"http://127.0.0.1:{server.port}/#/roadmap")
        page.wait_for_function("document.querySelectorAll('[data-anchor]').length > 3")
        anchors = page.evaluate(
            "[...document.querySelectorAll('[data-anchor]')].map(it => it.dataset.anchor)"
        )
        with Crowd(server.port, PEOPLE, "/roadmap", anchors):
            cursors = page.get_by_test_id("cursor")
            page.wait_for_function(
                f"document.querySelectorAll('[data-testid=cursor]').length === {PEOPLE}"
            )
            before = cursors.evaluate_all("them => them.map(it => it.style.transform)")
            watched = page.evaluate(WATCH, SECONDS)
            after = cursors.evaluate_all("them => them.map(it => it.style.transform)")
            page.get_by_role("link", name="Budget").click()  # it still does what it is told
            page.wait_for_function("location.hash === '#/budget'")
    assert all(then != now for then, now in zip(before, after, strict=True))
    assert watched["frames"] > SECONDS
    with capsys.disabled():
        print(
            f"\n{PEOPLE} cursors in room {ROOM} for {SECONDS} s: {watched['frames']} frames, "
            f"{watched['count']} long tasks of {watched['total']:.0f} ms in all, "
            f"the longest {watched['longest']:.0f} ms"
        )
    record_testsuite_property("long_task_ms", watched["total"])
