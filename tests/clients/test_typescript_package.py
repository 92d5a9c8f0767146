"""What `npm pack` makes of the TypeScript client, installed and used as an application would."""

import json
import tarfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.clients.typescript_package import CLIENT, Project
from tests.clients.typescript_page import serve, visit
from tests.support.peer import pump
from tests.support.server import Server, token

CORE_BYTES = 4096
PICK_BYTES = 600
CORE = """
import { connectPresence } from "@presence-server/client";
connectPresence(globalThis.options);
"""


# The tarball


def test_the_tarball_has_the_modules_with_their_types_and_nothing_else(project: Project) -> None:
    with tarfile.open(project.tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    modules = {file.relative_to(CLIENT / "src") for file in (CLIENT / "src").rglob("*.ts")}
    built = {f"dist/{module.with_suffix(end)}" for module in modules for end in (".js", ".d.ts")}
    papers = {"README.md", "LICENSE", "package.json"}
    assert names == papers | built | {"dist/browser.js"}
    assert not any("test" in name for name in names)


def test_the_tarball_knows_nothing_of_the_machine_that_packed_it(project: Project) -> None:
    with tarfile.open(project.tarball) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        texts = {member.name: archive.extractfile(member) for member in members}
        for name, file in texts.items():
            assert file is not None
            text = file.read().decode()
            for foreign in (str(CLIENT), str(project.tarball.parents[1]), "node_modules/"):
                assert foreign not in text, name
        assert {member.uid for member in members} == {0}


def test_every_path_of_the_manifest_leads_to_a_file(project: Project) -> None:
    manifest = json.loads((project.installed / "package.json").read_text())
    paths = [
        path
        for target in manifest["exports"].values()
        for path in (target.values() if isinstance(target, dict) else [target])
    ]
    assert len(paths) > 6
    for path in paths:
        assert (project.installed / path).is_file(), path


# In Node


ON_A_SERVER = """
import { createElement } from "react";
import { renderToString } from "react-dom/server";

const problems = [];
const note = (...words) => problems.push(words.join(" "));
Object.assign(console, { error: note, warn: note });
for (const name of ["WebSocket", "fetch", "setTimeout", "setInterval"]) {
  const real = globalThis[name];
  globalThis[name] = new Proxy(real, {
    apply: (target, self, values) => (note(name), Reflect.apply(target, self, values)),
    construct: (target, values) => (note(name), Reflect.construct(target, values)),
  });
}

const { connectPresence, createPresence, othersOf } = await import("@presence-server/client");
const hooks = await import("@presence-server/client/react");

const options = { host: "127.0.0.1:9", room: "presence-acme", token: () => note("token") };
const presence = createPresence(options);
const connected = connectPresence(options);
connected.update({ currentPath: "/plans" });
connected.setCursor({ x: 1 });
connected.follow("bob");

function Everything() {
  const { presenceMap, others, self, status } = hooks.useWorkspacePresence();
  const mine = hooks.useMyPresence({ currentPath: "/plans" });
  const { following, lost, followers } = hooks.useFollowMode({ navigate: () => note("navigate") });
  const lists = [others, hooks.useOthers(), hooks.useMembersAt({ currentPath: "/plans" }),
    hooks.useCursors(), followers];
  const none = [self, mine.self, following, lost, hooks.useMember("bob") ?? null];
  return JSON.stringify([presenceMap.size, status, lists, none]);
}
const html = renderToString(
  createElement(hooks.PresenceProvider, options, createElement(Everything)),
);
console.log(JSON.stringify({
  html: html.replaceAll("&quot;", '"'),
  others: othersOf(presence.getSnapshot()),
  names: [Object.keys(await import("@presence-server/client")), Object.keys(hooks)],
  problems,
}));
"""


def test_node_imports_it_and_renders_on_a_server_without_dialling(project: Project) -> None:
    told = json.loads(project.node("server.mjs", ON_A_SERVER))
    assert json.loads(told["html"]) == [0, "connecting", [[]] * 5, [None] * 5]
    assert told["others"] == []
    assert told["problems"] == []
    core, hooks = told["names"]
    assert {"connectPresence", "createPresence", "othersOf", "isAt"} <= set(core)
    assert {"PresenceProvider", "useOthers", "useMyPresence", "useFollowMode"} <= set(hooks)


IN_NODE = """
import { connectPresence, othersOf } from "@presence-server/client";

const { HOST: host, TOKEN: token } = process.env;
const presence = connectPresence({ host, room: "presence-acme", token: () => token, WebSocket });
presence.update({ currentPath: "/from/node" });
const stop = presence.subscribe(() => {
  const snapshot = presence.getSnapshot();
  if (snapshot.members.get("ann")?.currentPath !== "/from/node") return;
  stop();
  presence.close();
  console.log(othersOf(snapshot)[0].userId);
});
"""


def test_in_node_it_joins_where_it_is_given_a_websocket_and_lets_go_of_all(
    project: Project,
) -> None:
    with Server() as server:
        bob = server.enter("bob")
        host = f"127.0.0.1:{server.port}"
        assert project.node("joins.mjs", IN_NODE, HOST=host, TOKEN=token("ann")) == "bob\n"
        pump([bob], lambda: "user_left" in bob.types())
        assert "/from/node" in {message.get("currentPath") for message in bob.messages}


# To TypeScript


CONSUMER = """
import { connectPresence, type Entry, type Snapshot, othersOf } from "@presence-server/client";
import { connectPresence as same } from "@presence-server/client/browser";
import { PresenceProvider, useMyPresence, useOthers } from "@presence-server/client/react";

declare module "@presence-server/client" {
  interface Register {
    data: { colour: string };
    cursor: { x: number };
  }
}

const presence = connectPresence({ host: "h", room: "presence-acme", token: () => "t" });
const snapshot: Snapshot = presence.getSnapshot();
export const colours: (string | undefined)[] = othersOf(snapshot).map((it) => it.data?.colour);
export const pointed: number | undefined = snapshot.cursors.get("bob")?.x;
export const code: number = snapshot.status === "refused" ? snapshot.refusal.code : 0;
export const alike: typeof connectPresence = same;
presence.update({ currentPath: "/", data: { colour: "red" } });
presence.setCursor({ x: 1 });

// @ts-expect-error: a token is needed
connectPresence({ host: "h", room: "presence-acme" });
// @ts-expect-error: a place has a path
presence.update({ resourceId: "7" });
// @ts-expect-error: what was registered counts
presence.update({ currentPath: "/", data: { colour: 7 } });
// @ts-expect-error: likewise
presence.setCursor({ y: 1 });
// @ts-expect-error: entries are not changed in place
othersOf(snapshot)[0]!.currentPath = "/";

export function Names() {
  const { setCursor } = useMyPresence({ resourceType: "plan" });
  const names: string[] = useOthers((others) => others.map((it: Entry) => it.userName));
  return <p onPointerLeave={() => setCursor(null)}>{names}</p>;
}
export const app = (
  <PresenceProvider host="h" room="presence-acme" token={async () => "t"}>
    <Names />
  </PresenceProvider>
);
"""


@pytest.mark.parametrize(
    ("module", "resolution"), [("esnext", "bundler"), ("nodenext", "nodenext")]
)
def test_typescript_finds_the_types(project: Project, module: str, resolution: str) -> None:
    options = {
        "module": module,
        "moduleResolution": resolution,
        "target": "es2022",
        "lib": ["es2022", "dom"],
        "jsx": "react-jsx",
        "types": [],
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "skipLibCheck": False,
        "noEmit": True,
    }
    config = {"compilerOptions": options, "files": ["consumer.tsx"]}
    project.write({"consumer.tsx": CONSUMER, "tsconfig.json": json.dumps(config)})
    assert project.tool("tsc", "-p", ".") == ""


# To Vite


def test_the_core_is_small(project: Project) -> None:
    bundle = project.bundle("core.js", CORE, "partysocket")
    assert bundle.packages() == {"@presence-server/client"}
    assert not any("/react/" in module for module in bundle.modules), bundle.modules
    assert bundle.gzip_size < CORE_BYTES


def test_an_application_of_the_core_has_it_and_partysocket_and_nothing_else(
    project: Project,
) -> None:
    bundle = project.bundle("whole.js", CORE)
    assert bundle.packages() == {"@presence-server/client", "partysocket"}


def test_what_is_not_used_is_left_out(project: Project) -> None:
    picks = 'import { isAt } from "@presence-server/client"; globalThis.isAt = isAt;'
    bundle = project.bundle("picks.js", picks)
    assert bundle.packages() == {"@presence-server/client"}
    assert "WebSocket" not in bundle.code
    assert bundle.gzip_size < PICK_BYTES


def test_an_import_for_nothing_leaves_nothing(project: Project) -> None:
    imports = 'import "@presence-server/client"; import "@presence-server/client/react";'
    assert project.bundle("nothing.js", imports).code.strip() == ""


# In a browser


PLAIN = """
<!doctype html>
<title>Plain</title>
<link rel="icon" href="data:," />
<p></p>
<script type="module">
  import { connectPresence, othersOf } from "/browser.js";
  const token = async () => (await fetch("/presence-token")).text();
  const presence = connectPresence({ host: "HOST", room: "presence-acme", token });
  presence.update({ currentPath: location.pathname });
  presence.subscribe(() => {
    const others = othersOf(presence.getSnapshot());
    document.querySelector("p").textContent = others
      .map((other) => `${other.userName} at ${other.currentPath}`).join();
  });
</script>
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_a_plain_page_imports_one_file_and_sees_another_member(
    project: Project, browser: Browser, tmp_path: Path
) -> None:
    with Server() as server, serve(tmp_path) as site:
        (tmp_path / "index.html").write_text(PLAIN.replace("HOST", f"127.0.0.1:{server.port}"))
        script = (project.installed / "dist" / "browser.js").read_bytes()
        (tmp_path / "browser.js").write_bytes(script)
        async with visit(browser, f"{site}/a", "ann") as ann, visit(browser, site, "bob") as bob:
            await expect(ann.locator("p")).to_have_text("Bob at /")
            await expect(bob.locator("p")).to_have_text("Ann at /a")
            await bob.close()
            await expect(ann.locator("p")).to_have_text("")


REACT_PAGE = """
<!doctype html>
<title>React</title>
<link rel="icon" href="data:," />
<main></main>
<script type="module" src="./main.jsx"></script>
"""
REACT_APP = """
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { PresenceProvider, useMyPresence, useOthers } from "@presence-server/client/react";

const token = async () => (await fetch("/presence-token")).text();

function Others() {
  useMyPresence();
  const others = useOthers();
  return <p>{others.map((other) => `${other.userName} at ${other.currentPath}`).join()}</p>;
}

createRoot(document.querySelector("main")).render(
  <StrictMode>
    <PresenceProvider host="HOST" room="presence-acme" token={token}>
      <Others />
    </PresenceProvider>
  </StrictMode>,
);
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_built_with_vite_and_react_sees_another_member_and_its_moves(
    project: Project, browser: Browser
) -> None:
    with Server() as server:
        app = REACT_APP.replace("HOST", f"127.0.0.1:{server.port}")
        project.write({"page/index.html": REACT_PAGE, "page/main.jsx": app})
        project.tool("vite", "build", "page", "--logLevel=error")
        with serve(project.folder / "page" / "dist") as site:
            async with (
                visit(browser, f"{site}/a", "ann") as ann,
                visit(browser, f"{site}/b", "bob") as bob,
            ):
                await expect(ann.locator("p")).to_have_text("Bob at /b")
                await bob.evaluate("history.pushState(null, '', '/c')")
                await expect(ann.locator("p")).to_have_text("Bob at /c")
                await expect(bob.locator("p")).to_have_text("Ann at /a")
