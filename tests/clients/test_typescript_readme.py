"""What the README of the TypeScript client shows works, and what it lists is all there is."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.clients.typescript_package import CLIENT, Bundle, Project, run
from tests.clients.typescript_page import serve, visit
from tests.support.peer import pump
from tests.support.server import ROOM, SECRET, Server, address

README = (CLIENT / "README.md").read_text()
EXAMPLES: dict[str, str] = dict(
    re.findall(r"```\w+\n(?://|#|<!--) (\S+)(?: -->)?\n(.*?)```", README, re.DOTALL)
)
HOST = "presence.example.com"
PAGE = """
<!doctype html>
<title>Example</title>
<link rel="icon" href="data:," />
<div id="here"></div>
<script type="module" src="./main.js"></script>
"""
OPTIONS = f"""{{
  host: "{HOST}",
  room: "{ROOM}",
  token: async () => (await fetch("/presence-token")).text(),
}}"""


def example(name: str, server: Server | None = None) -> str:
    """A block of code, which names itself in its first line, with the server in place."""
    code = EXAMPLES[name]
    if server is None:
        return code
    assert HOST in code
    return code.replace(HOST, f"127.0.0.1:{server.port}")


def build(project: Project, name: str, files: dict[str, str]) -> Path:
    """Build a page with Vite; the folder to serve."""
    project.write({f"{name}/{file}": text for file, text in {"index.html": PAGE, **files}.items()})
    project.tool("vite", "build", name, "--logLevel=error")
    return project.folder / name / "dist"


def check_types(project: Project, name: str, files: dict[str, str]) -> None:
    """TypeScript has nothing to say about these."""
    options = {
        "module": "esnext",
        "moduleResolution": "bundler",
        "target": "es2022",
        "lib": ["es2022", "dom"],
        "jsx": "react-jsx",
        "types": [],
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "skipLibCheck": True,
        "noEmit": True,
    }
    config = json.dumps({"compilerOptions": options, "files": list(files)})
    project.write({f"{name}/{file}": text for file, text in files.items()})
    project.write({f"{name}/tsconfig.json": config})
    assert project.tool("tsc", "-p", name) == ""


def test_every_block_of_code_is_tried_here() -> None:
    told = README.count("```") // 2
    shell = README.count("```sh\n")
    assert told == len(EXAMPLES) + shell
    tried = set(re.findall(r'example\("(\S+?)"', Path(__file__).read_text()))
    assert set(EXAMPLES) == tried


def test_the_tarball_is_called_what_the_readme_calls_it(project: Project) -> None:
    assert set(re.findall(r"presence-server-client-\S+?\.tgz", README)) == {project.tarball.name}


# React


MAIN = """
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
createRoot(document.querySelector("#here")).render(<StrictMode><App /></StrictMode>);
"""


def test_the_types_of_the_react_example_are_right(project: Project) -> None:
    project.add("react-router")
    files = {"App.tsx": example("App.tsx"), "presence.d.ts": example("presence.d.ts")}
    check_types(project, "react-types", files)


def test_own_types_are_registered_as_the_readme_says(project: Project) -> None:
    use = """
import type { Entry } from "@presence-server/client";
export const colour = (entry: Entry): string | undefined => entry.data?.colour;
"""
    files = {"use.ts": use, "colours.d.ts": example("colours.d.ts")}
    check_types(project, "own-types", files)


async def go(page: Page, path: str) -> None:
    """Navigate as the back button does: the router hears of it."""
    await page.evaluate("path => history.pushState(null, '', path)", path)
    await page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_react_example_shows_others_and_their_cursors_and_follows(
    project: Project, browser: Browser
) -> None:
    with Server() as server:
        project.add("react-router")
        page = PAGE.replace("main.js", "main.jsx")
        app = example("App.tsx", server)
        folder = build(project, "react", {"index.html": page, "main.jsx": MAIN, "App.tsx": app})
        with serve(folder) as site:
            async with (
                visit(browser, f"{site}/a", "ann") as ann,
                visit(browser, f"{site}/b", "bob") as bob,
            ):
                await expect(ann.get_by_role("listitem")).to_have_attribute("title", "/b")
                await ann.get_by_role("button", name="Bob").click()
                await expect(ann).to_have_url(f"{site}/b")
                await go(bob, "/c")
                await expect(ann).to_have_url(f"{site}/c")
                await expect(ann.get_by_text("You follow Bob")).to_be_visible()

                await bob.get_by_role("main").hover(position={"x": 100, "y": 100})
                await expect(ann.locator("main b")).to_have_text("Bob")
                here, there = await ann.locator("main b").bounding_box(), await box(ann, "main")
                assert here is not None
                assert (here["x"] - there["x"], here["y"] - there["y"]) == pytest.approx((100, 100))

                await ann.get_by_role("button", name="Stop").click()
                await expect(ann.get_by_text("You follow Bob")).to_have_count(0)
                await go(bob, "/d")
                await expect(ann.get_by_role("listitem")).to_have_attribute("title", "/d")
                await expect(ann).to_have_url(f"{site}/c")
        accepted = server.metric("presence_connections_accepted_total")
        assert accepted == 2


async def box(page: Page, selector: str) -> Any:
    """Where an element is."""
    return await page.locator(selector).bounding_box()


# The others


VUE = f"""
import {{ createApp, h }} from "vue";
import {{ usePresence }} from "./usePresence.js";
const app = createApp({{
  setup() {{
    const {{ presence, snapshot }} = usePresence({OPTIONS});
    presence.update({{ currentPath: "/vue" }});
    const names = () => [...snapshot.value.members.values()].map((it) => it.userName);
    return () => h("p", names().filter((it) => it !== "Ann").join());
  }},
}});
app.mount("#here");
globalThis.leave = () => app.unmount();
"""
SVELTE = f"""
<script>
  import {{ presenceStore }} from "./presenceStore.js";
  const room = presenceStore({OPTIONS});
  room.update({{ currentPath: "/svelte" }});
</script>
<p>{{[...$room.members.values()].map((it) => it.userName).filter((it) => it !== "Ann").join()}}</p>
"""
SVELTE_MAIN = """
import { mount, unmount } from "svelte";
import Here from "./Here.js";
const here = mount(Here, { target: document.querySelector("#here") });
globalThis.leave = () => unmount(here);
"""
SVELTE_COMPILE = """
import { compile } from "svelte/compiler";
console.log(compile(process.env.SOURCE, { generate: "client" }).js.code);
"""


def build_vanilla(project: Project, server: Server) -> Path:
    """The page of the vanilla example."""
    return build(project, "vanilla", {"main.js": example("main.js", server)})


def build_vue(project: Project, server: Server) -> Path:
    """A page with a component that uses the composable."""
    project.add("vue")
    main = VUE.replace(HOST, f"127.0.0.1:{server.port}")
    return build(project, "vue", {"main.js": main, "usePresence.js": example("usePresence.js")})


def build_svelte(project: Project, server: Server) -> Path:
    """A page with a component that uses the store."""
    project.add("svelte")
    source = SVELTE.replace(HOST, f"127.0.0.1:{server.port}")
    here = project.node("compile.mjs", SVELTE_COMPILE, SOURCE=source)
    store = example("presenceStore.js")
    return build(
        project, "svelte", {"main.js": SVELTE_MAIN, "Here.js": here, "presenceStore.js": store}
    )


def write_plain(project: Project, server: Server) -> Path:
    """The page of the plain example, as it is."""
    icon = '<!doctype html><link rel="icon" href="data:," />\n'
    script = (project.installed / "dist" / "browser.js").read_text()
    project.write({"plain/index.html": icon + example("index.html", server)})
    project.write({"plain/browser.js": script})
    return project.folder / "plain"


@pytest.mark.parametrize("made", [build_vanilla, build_vue, build_svelte, write_plain])
@pytest.mark.asyncio(loop_scope="module")
async def test_the_example_shows_who_comes_and_goes_and_leaves(
    project: Project, browser: Browser, made: Any
) -> None:
    with Server() as server, serve(made(project, server)) as site:
        eve = server.enter("eve", name="Eve")
        async with visit(browser, site, "ann") as ann:
            await expect(ann.locator("#here")).to_have_text("Eve")
            bob = server.enter("bob", name="Bob")
            await expect(ann.locator("#here")).to_contain_text("Bob")
            bob.drop()
            await expect(ann.locator("#here")).to_have_text("Eve")
            pump([eve], lambda: eve.users.get("ann", {}).get("currentPath"))
            if made in {build_vue, build_svelte}:
                await ann.evaluate("leave()")
                pump([eve], lambda: ("ann", "closed") in eve.left())


TRY_FAKE = """
import { connectPresence } from "@presence-server/client";
import { FakeWebSocket } from "./fake.js";

let socket;
class WebSocket extends FakeWebSocket {
  constructor(url) {
    super(url);
    socket = this;
  }
}
const presence = connectPresence({ host: "h", room: "r", token: () => "t", WebSocket });
presence.update({ currentPath: "/plans" });
const stop = presence.subscribe(() => {
  const { status, members } = presence.getSnapshot();
  if (status !== "online") return;
  stop();
  queueMicrotask(() => {
    presence.close();
    const { currentPath } = socket.sent.find(({ type }) => type === "presence_update");
    console.log(presence.getSnapshot().status, [...members.keys()].join(), currentPath);
  });
});
"""


def test_the_fake_websocket_is_enough(project: Project) -> None:
    project.write({"fake.js": example("fake.js")})
    assert project.node("try-fake.mjs", TRY_FAKE) == "closed bob /plans\n"


# Tokens


def enters(made: str) -> dict[str, Any]:
    """The entry of who joins with a token that was made for Ann of the workspace acme."""
    with Server() as server:
        peer = server.dial(address(token=made.strip()))
        pump([peer], lambda: "presence_snapshot" in peer.types())
        return dict(peer.users["ann"])


def test_the_python_token_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENCE_JWT_SECRET", SECRET)
    names: dict[str, Any] = {}
    exec(compile(example("tokens.py"), "tokens.py", "exec"), names)  # noqa: S102 - what it shows
    assert enters(names["presence_token"]("ann", "Änn", "acme"))["userName"] == "Änn"


def test_the_node_token_is_accepted(project: Project) -> None:
    use = """
import { presenceToken } from "./tokens.js";
console.log(presenceToken("ann", "Änn", "acme"));
"""
    project.write({"tokens.js": example("tokens.js")})
    made = project.node("use-tokens.js", use, PRESENCE_JWT_SECRET=SECRET)
    assert enters(made)["userName"] == "Änn"


def test_the_go_token_is_accepted(tmp_path: Path) -> None:
    use = """package main

import "fmt"

func main() {
	fmt.Println(PresenceToken("ann", "Änn", "acme"))
}
"""
    (tmp_path / "tokens.go").write_text(example("tokens.go"))
    (tmp_path / "main.go").write_text(use)
    gccgo, go = shutil.which("gccgo"), shutil.which("go")
    assert gccgo or go, "a Go compiler is missing: tests/setup/debian installs gccgo"
    compiler = [gccgo] if gccgo else [str(go), "build"]
    run([*compiler, "-o", "made", "tokens.go", "main.go"], tmp_path)
    made, error = run(["./made"], tmp_path, {"PRESENCE_JWT_SECRET": SECRET}).split()
    assert error == "<nil>"
    assert enters(made)["userName"] == "Änn"


# What it lists


def rows(heading: str) -> list[str]:
    """The first cells of the table with this heading."""
    table = re.search(rf"\| {re.escape(heading)} \|.*\n\|[- :|]+\|\n((?:\|.*\n)+)", README)
    assert table, heading
    return [row.split(" | ")[0].removeprefix("| ") for row in table[1].splitlines()]


def fields(interface: str) -> list[str]:
    """The fields of an interface of the client, in order."""
    types = (CLIENT / "src" / "types.ts").read_text()
    body = re.search(rf"interface {interface}(?:<[^{{]*>)? \{{\n(.*?)\n\}}", types, re.DOTALL)
    assert body, interface
    return re.findall(r"^  readonly (\w+)\??:", body[1], re.MULTILINE)


def test_every_option_method_and_field_stands_in_the_readme() -> None:
    assert {row.strip("`") for row in rows("option")} == set(fields("PresenceOptions"))
    assert {row.strip("`").split("(")[0] for row in rows("method")} == set(fields("Presence"))
    snapshot = {row.strip("`") for row in rows("snapshot")}
    assert snapshot == {*fields("Common"), "status", "refusal"}


def test_every_hook_and_selector_stands_in_the_readme(project: Project) -> None:
    text = """
import * as core from "@presence-server/client";
import * as hooks from "@presence-server/client/react";
console.log(JSON.stringify([Object.keys(core), Object.keys(hooks)]));
"""
    core, hooks = json.loads(project.node("names.mjs", text))
    told = rows("hook, of `@presence-server/client/react`")
    assert {re.match(r"`<?(\w+)", row)[1] for row in told} == set(hooks) - {"shallow"}  # type: ignore[index]
    for name in core:
        assert f"`{name}" in README, name


def test_the_codes_that_stop_are_those_of_the_protocol() -> None:
    vectors = json.loads((CLIENT.parents[1] / "protocol/vectors/close_codes.json").read_text())
    stop = {vector["code"] for vector in vectors if vector["client"] == "stop"}
    (told,) = re.findall(r"^- \*\*Stops\*\*.*?(?=^- )", README, re.DOTALL | re.MULTILINE)
    assert {int(code) for code in re.findall(r"\b[14]\d\d\d\b", told)} == {*stop, 4401}


SIZES = {
    "`connectPresence`, without `partysocket`": ("connectPresence", ["partysocket"]),
    "`connectPresence`, with `partysocket`": ("connectPresence", []),
    "all the hooks, with that, without React": ("*", ["react"]),
    "`isAt` alone": ("isAt", []),
}


def test_nothing_is_bigger_than_the_readme_says(project: Project) -> None:
    table = re.findall(r"^\| (.+?) \| ([\d.]+) kB \|$", README, re.MULTILINE)
    limits = {what: float(limit) * 1024 for what, limit in table}
    script = (project.installed / "dist" / "browser.js").read_text()
    sizes = {"`dist/browser.js`": Bundle(script, []).gzip_size}
    for number, (what, (name, external)) in enumerate(SIZES.items()):
        source = f"@presence-server/client{'/react' if name == '*' else ''}"
        clause = "* as it" if name == "*" else f"{{ {name} as it }}"
        keep = "globalThis.it = { ...it };" if name == "*" else "globalThis.it = it;"
        code = f'import {clause} from "{source}"; {keep}'
        sizes[what] = project.bundle(f"size{number}.js", code, *external).gzip_size
    assert sizes.keys() == limits.keys()
    assert {what: size for what, size in sizes.items() if size >= limits[what]} == {}


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((\S+?)\)", README):
        path, _, anchor = target.partition("#")
        file = (CLIENT / path).resolve() if path else CLIENT / "README.md"
        assert file.exists(), target
        headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE) if anchor else []
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, target
