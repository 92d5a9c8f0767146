import { act, render } from "@testing-library/react";
import { StrictMode, version } from "react";
import { renderToString } from "react-dom/server";
import { describe, expect, test, vi } from "vitest";
import { connectPresence } from "../../src/index.ts";
import {
  PresenceProvider,
  useMyPresence,
  useOthers,
  useWorkspacePresence,
} from "../../src/react/index.ts";
import { OPTIONS } from "../support/page.ts";
import { entry, FakeSocket } from "../support/socket.ts";
import { fakeReactPage, mount, probe, Room, settle } from "./support.tsx";

fakeReactPage();

test("these tests run with the React that they are meant to", () => {
  expect(version.split(".")[0]).toBe(process.env.REACT);
});

const rooms = () => FakeSocket.all.map(({ url }) => new URL(url).pathname.split("/").at(-1));

describe("the provider", () => {
  test("connects once, though Strict Mode mounts twice", async () => {
    const { Probe, seen } = probe(() => useWorkspacePresence());
    await mount(<Probe />, [entry("me")]);
    await settle(10_000);
    expect(FakeSocket.all.length).toBe(1);
    expect(FakeSocket.last.closedWith).toBeNull();
    expect(seen.value?.isConnected).toBe(true);
  });

  test("leaves when it is unmounted, and leaves nothing behind", async () => {
    const { unmount } = await mount(null);
    unmount();
    await settle();
    expect(FakeSocket.last.closedWith?.code).toBe(1000);
    await settle(60_000);
    expect(FakeSocket.all.length).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("unmounted before it is connected dials nobody", async () => {
    const { unmount } = render(<Room />);
    unmount();
    await settle(60_000);
    expect(FakeSocket.all.length).toBe(0);
  });

  test("unmounted and mounted again has a connection of its own, and one only", async () => {
    for (let round = 0; round < 5; round++) {
      const { unmount } = render(
        <StrictMode>
          <Room />
        </StrictMode>,
      );
      await settle(round % 2);
      unmount();
    }
    const { Probe, seen } = probe(() => useWorkspacePresence());
    await mount(<Probe />, [entry("me")]);
    await settle(1000);
    const open = FakeSocket.all.filter(({ readyState }) => readyState === 1);
    expect(open).toEqual([FakeSocket.last]);
    expect(seen.value?.status).toBe("online");
  });

  test("goes to another room, and out of the one before", async () => {
    const { Probe, seen } = probe(() => useOthers().map(({ userId }) => userId));
    const view = render(
      <Room room="one">
        <Probe />
      </Room>,
    );
    await settle();
    const first = FakeSocket.last;
    act(() => first.welcome("me", [entry("me"), entry("ann")]));
    expect(seen.value).toEqual(["ann"]);
    view.rerender(
      <Room room="two">
        <Probe />
      </Room>,
    );
    expect(seen.value).toEqual([]);
    await settle();
    expect(first.closedWith?.code).toBe(1000);
    expect(rooms()).toEqual(["one", "two"]);
  });

  test("stays where it is when it is rendered again, and asks the latest for a token", async () => {
    const view = render(<Room token={() => "old"} />);
    await settle();
    act(() => FakeSocket.last.welcome("me"));
    view.rerender(<Room token={() => "new"} onError={() => {}} />);
    await settle(1000);
    expect(FakeSocket.all.length).toBe(1);
    act(() => FakeSocket.last.shut(1006));
    await settle(1000);
    expect(FakeSocket.all.map(({ query }) => query.token)).toEqual(["old", "new"]);
  });

  test("takes a connection that is made elsewhere, and leaves it alone", async () => {
    const presence = connectPresence({ ...OPTIONS, token: () => "t" });
    const { Probe, seen } = probe(() => useWorkspacePresence());
    const { unmount } = render(
      <PresenceProvider presence={presence}>
        <Probe />
      </PresenceProvider>,
    );
    await settle();
    act(() => FakeSocket.last.welcome("me", [entry("me")]));
    expect(seen.value?.self?.userId).toBe("me");
    unmount();
    await settle(1000);
    expect(FakeSocket.last.closedWith).toBeNull();
    presence.close();
  });

  test("missing is said", () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { Probe } = probe(() => useOthers());
    expect(() => render(<Probe />)).toThrow("presence hooks need a <PresenceProvider> around them");
  });
});

test("a page that a server rendered says nothing of where it is before it knows", async () => {
  history.replaceState(null, "", "/real");
  function Page() {
    useMyPresence();
    return <p>{useWorkspacePresence().status}</p>;
  }
  const tree = (
    <Room>
      <Page />
    </Room>
  );
  const container = document.createElement("div");
  container.innerHTML = renderToString(tree);
  const warned = vi.spyOn(console, "error");
  render(tree, { container, hydrate: true });
  await settle();
  act(() => FakeSocket.last.welcome("me", [entry("me")]));
  await settle();
  const said = FakeSocket.last.take().filter(({ type }) => type === "presence_update");
  expect(said.map(({ currentPath }) => currentPath)).toEqual(["/real"]);
  expect(warned).not.toHaveBeenCalled();
});

test("a server renders the page without a connection", async () => {
  function Page() {
    const { status, presenceMap } = useWorkspacePresence();
    useMyPresence();
    return (
      <p>
        {status} {presenceMap.size}
      </p>
    );
  }
  const token = vi.fn();
  const html = renderToString(
    <PresenceProvider {...OPTIONS} token={token}>
      <Page />
    </PresenceProvider>,
  );
  await settle(1000);
  expect(html).toContain("connecting");
  expect(token).not.toHaveBeenCalled();
  expect(FakeSocket.all).toEqual([]);
});
