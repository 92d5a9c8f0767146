/** Renders with a provider, on a page whose time and sockets a test controls. */

import { act, cleanup, type RenderResult, render } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach } from "vitest";
import { PresenceProvider } from "../../src/react/index.ts";
import type { Message } from "../../src/room.ts";
import type { PresenceOptions } from "../../src/types.ts";
import { fakePage, OPTIONS, pass } from "../support/page.ts";
import { FakeSocket } from "../support/socket.ts";

export function fakeReactPage() {
  afterEach(cleanup); // before the page's own, which stops the clock
  fakePage();
}

export const settle = (ms = 0) => act(() => pass(ms));

export const say = (...messages: Message[]) => act(() => FakeSocket.last.say(...messages));

export function Room({ children, ...more }: { children?: ReactNode } & Partial<PresenceOptions>) {
  return (
    <PresenceProvider {...OPTIONS} token={() => "t"} onError={() => {}} {...more}>
      {children}
    </PresenceProvider>
  );
}

/** Mounts in Strict Mode, and is let in as "me" into a room with these. */
export async function mount(children: ReactNode, users: Message[] = []): Promise<RenderResult> {
  const view = render(
    <StrictMode>
      <Room>{children}</Room>
    </StrictMode>,
  );
  await settle();
  act(() => FakeSocket.last.welcome("me", users));
  await settle(100);
  return view;
}

/** A component that shows what a hook returns, and counts how often it was rendered. */
export function probe<T>(hook: () => T) {
  const seen: { renders: number; value: T | undefined } = { renders: 0, value: undefined };
  function Probe() {
    seen.value = hook();
    seen.renders += 1;
    return null;
  }
  return { Probe, seen };
}
