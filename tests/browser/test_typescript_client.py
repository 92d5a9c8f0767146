"""The TypeScript client in a real browser, with the real server, over a network that breaks."""

import os
import signal

from playwright.sync_api import Playwright

from tests.browser.conftest import Open, launch
from tests.browser.site import Site
from tests.support.server import Server


def test_three_windows_see_each_other_and_where_each_is(open_page: Open) -> None:
    ann, bob, cat = open_page("ann", "/a"), open_page("bob", "/b"), open_page("cat", "/c")
    for window in (ann, bob, cat):
        window.expect_places(ann="/a", bob="/b", cat="/c")
    bob.go("/next")
    for window in (ann, bob, cat):
        window.expect_places(ann="/a", bob="/next", cat="/c")
        assert window.frames > 5  # and each was as the schemas have it: see Visitor


def test_a_cursor_is_seen_on_the_other_side(open_page: Open) -> None:
    ann, bob = open_page("ann"), open_page("bob")
    ann.expect_places(ann="/start", bob="/start")
    ann.do("presence.setCursor({ x: 0.5, y: 0.25 })")
    bob.wait_for("presence.getSnapshot().cursors.get('ann')?.y === 0.25")
    ann.do("presence.setCursor(null)")
    bob.wait_for("!presence.getSnapshot().cursors.has('ann')")


def test_two_tabs_are_one_member_and_the_one_looked_at_stands(open_page: Open) -> None:
    first, second = open_page("ann", "/first"), open_page("ann", "/second")
    bob = open_page("bob")
    bob.expect_places(ann="/second", bob="/start")
    first.do("window.dispatchEvent(new Event('focus'))")
    bob.expect_places(ann="/first", bob="/start")
    first.page.close()
    bob.expect_places(ann="/second", bob="/start")
    assert second.do("statuses") == ["online"]


def test_followers_go_along_from_page_to_page(open_page: Open) -> None:
    ann, bob, cat = open_page("ann", "/a"), open_page("bob", "/b"), open_page("cat", "/c")
    cat.expect_places(ann="/a", bob="/b", cat="/c")
    bob.follow("ann")
    cat.expect_places(ann="/a", bob="/a", cat="/c")
    cat.follow("bob")
    for path in ("/x", "/y", "/z"):
        ann.go(path)
        ann.expect_places(ann=path, bob=path, cat=path)
    ann.wait_for("[...presence.getSnapshot().members.values()].some(m => m.following === 'ann')")
    assert (bob.following, cat.following) == ("ann", "bob")
    bob.go("/own")
    ann.expect_places(ann="/z", bob="/own", cat="/own")
    assert bob.following is None


def test_input_ends_following(open_page: Open) -> None:
    ann, bob = open_page("ann", "/a"), open_page("bob", "/b")
    bob.expect_places(ann="/a", bob="/b")
    bob.follow("ann")
    ann.expect_places(ann="/a", bob="/a")
    bob.page.mouse.move(50, 50)
    assert bob.following == "ann"
    bob.page.get_by_label("Notes").fill("")  # focus by script is no input
    bob.page.keyboard.press("x")
    assert bob.following is None


def test_a_leader_who_reloads_keeps_the_followers(open_page: Open) -> None:
    ann, bob = open_page("ann", "/a"), open_page("bob", "/b")
    bob.expect_places(ann="/a", bob="/b")
    bob.follow("ann")
    before = ann.connection_id
    ann.wire.reset()  # the old TCP connection is killed
    ann.page.reload()
    ann.expect_status("online")
    assert ann.connection_id != before
    ann.go("/after")
    bob.expect_places(ann="/after", bob="/after")
    assert bob.following == "ann"


def test_a_leader_who_leaves_is_waited_for_and_then_said_to_be_lost(open_page: Open) -> None:
    ann, bob = open_page("ann", "/a"), open_page("bob", "/b", visit=False)
    bob.page.clock.install()
    bob.visit()
    bob.expect_places(ann="/a", bob="/b")
    bob.follow("ann")
    ann.page.close()
    bob.wait_for("presence.getSnapshot().following?.isHere === false")
    bob.page.clock.fast_forward(10_000)
    bob.wait_for("presence.getSnapshot().lost?.userId === 'ann'")
    assert bob.following is None


def test_a_closed_tab_is_a_leave(open_page: Open) -> None:
    ann, bob = open_page("ann"), open_page("bob")
    ann.expect_places(ann="/start", bob="/start")
    bob.page.close()
    ann.expect_places(ann="/start")


def test_a_killed_browser_is_a_leave(open_page: Open, playwright: Playwright) -> None:
    ann, other = open_page("ann"), launch(playwright)
    open_page("bob", browser=other)
    ann.expect_places(ann="/start", bob="/start")
    session = other.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    (pid,) = [process["id"] for process in processes if process["type"] == "browser"]
    os.kill(pid, signal.SIGKILL)
    ann.expect_places(ann="/start")


def test_a_dead_network_is_noticed_and_left_behind(open_page: Open) -> None:
    ann, bob = open_page("ann"), open_page("bob", visit=False)
    bob.page.clock.install()
    bob.visit()
    bob.expect_places(ann="/start", bob="/start")
    bob.wire.cut()
    for _ in range(15):  # within 15 s, the pings and their deadline among them
        bob.page.clock.run_for(1_000)
    assert bob.do("statuses.at(-1)") == "reconnecting"
    bob.expect_places(ann="/start", bob="/start")  # the roster stays
    ann.go("/meanwhile")
    bob.wire.mend()
    bob.do("window.dispatchEvent(new Event('online'))")
    for _ in range(40):
        bob.page.clock.run_for(1_000)
    bob.expect_status("online")
    bob.expect_places(ann="/meanwhile", bob="/start")


def test_a_lost_connection_comes_back_as_the_same_and_says_everything_again(
    open_page: Open,
) -> None:
    ann, bob = open_page("ann"), open_page("bob")
    bob.expect_places(ann="/start", bob="/start")
    bob.do("presence.update({ currentPath: '/deep', data: { zoom: 2 } })")
    bob.do("presence.setCursor({ x: 1 })")
    ann.wait_for("presence.getSnapshot().cursors.has('bob')")
    before = bob.connection_id
    bob.wire.reset()
    bob.wait_for("statuses.join() === 'online,reconnecting,online'")
    assert bob.connection_id == before
    ann.expect_places(ann="/start", bob="/deep")
    ann.wait_for("presence.getSnapshot().members.get('bob').data?.zoom === 2")
    ann.wait_for("presence.getSnapshot().cursors.get('bob')?.x === 1")


def test_everybody_is_back_after_the_server_was_killed(open_page: Open, server: Server) -> None:
    ann, bob = open_page("ann", "/a"), open_page("bob", "/b")
    for window in (ann, bob):
        window.expect_places(ann="/a", bob="/b")
    server.process.kill()
    server.wait()
    try:
        for window in (ann, bob):
            window.wait_for("statuses.at(-1) === 'reconnecting'")
            window.expect_places(ann="/a", bob="/b")
        bob.go("/meanwhile")
    finally:
        server.start()  # the tests that follow have it, too
    for window in (ann, bob):
        window.expect_status("online")
        window.expect_places(ann="/a", bob="/meanwhile")


def test_who_was_hidden_is_away_and_online_when_shown(open_page: Open) -> None:
    ann, bob = open_page("ann"), open_page("bob", visit=False)
    bob.page.clock.install()
    bob.visit()
    ann.expect_places(ann="/start", bob="/start")
    turn = """hidden => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }"""
    bob.page.evaluate(turn, True)
    bob.page.clock.run_for(31_000)
    ann.wait_for("presence.getSnapshot().members.get('bob').status === 'away'")
    bob.page.evaluate(turn, False)
    ann.wait_for("presence.getSnapshot().members.get('bob').status === 'online'")


def test_a_token_that_ran_out_offline_is_replaced(open_page: Open, site: Site) -> None:
    ann, bob = open_page("ann"), open_page("bob")
    ann.expect_places(ann="/start", bob="/start")
    site.claims["ttl"] = -60
    asked = site.asked["bob"]
    bob.wire.reset()
    while site.asked["bob"] < asked + 3:  # afresh for every dial
        bob.page.wait_for_timeout(20)
    site.claims["ttl"] = 3600
    bob.expect_status("online")
    ann.expect_places(ann="/start", bob="/start")


def test_who_is_refused_stops_dialling_until_told_to(open_page: Open, site: Site) -> None:
    site.claims["room"] = "another-room"
    ann = open_page("ann", visit=False)
    ann.page.clock.install()
    ann.page.goto(ann.url)
    ann.expect_status("refused")
    refusal = ann.do("presence.getSnapshot().refusal")
    assert refusal == {"code": 4403, "reason": "token is for another room"}
    dials = ann.wire.dials
    ann.page.clock.run_for(600_000)
    ann.do("window.dispatchEvent(new Event('focus'))")
    assert ann.wire.dials == dials
    site.claims["room"] = "presence-*"
    ann.do("presence.connect()")
    ann.expect_places(ann="/start")


def test_no_token_to_be_had_is_told_and_tried_again(open_page: Open, site: Site) -> None:
    site.is_down = True
    ann = open_page("ann", visit=False)
    ann.page.goto(ann.url)
    ann.wait_for("window.errors.includes('no_token')")
    site.is_down = False
    ann.expect_status("online")


def test_a_token_is_refreshed_while_the_connection_stays(open_page: Open, site: Site) -> None:
    site.claims |= {"ttl": 2, "name": "Ann Before"}
    ann = open_page("ann")
    site.claims |= {"ttl": 3600, "name": "Ann After"}
    bob = open_page("bob")
    bob.wait_for("presence.getSnapshot().members.get('ann').userName === 'Ann After'")
    assert ann.do("statuses") == ["online"]
