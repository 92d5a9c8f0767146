/** One connection for the whole page. */

import { PresenceProvider } from "@presence-server/client/react";
import { useState } from "react";
import { ColourProvider } from "./colours.tsx";
import { identity } from "./identity.ts";
import { Workspace } from "./workspace.tsx";

const ROOM = "presence-demo";
/** Where the page is served from: also below a path, behind a proxy. */
const HOST = new URL(".", location.href).href.replace(/\/$/, "");
const UNREACHABLE = "The server cannot be reached, or gives no token.";
const idleSeconds = Number(new URLSearchParams(location.search).get("idle")) || 120;

async function fetchToken(): Promise<string> {
  const { userId, name, picture } = identity.get();
  const query = new URLSearchParams({ user: userId, name });
  if (picture) query.set("picture", picture);
  const response = await fetch(`demo/token?${query}`, { cache: "no-store" });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()).token;
}

export function App() {
  const [trouble, setTrouble] = useState("");
  const token = async () => {
    const fetched = await fetchToken();
    setTrouble("");
    return fetched;
  };
  return (
    <PresenceProvider
      host={HOST}
      room={ROOM}
      token={token}
      idleAfter={idleSeconds * 1000}
      onError={({ code, message }) => {
        if (code.startsWith("no_")) setTrouble(UNREACHABLE);
        else if (code !== "refused") console.warn(code, message); // the page shows a refusal
      }}
    >
      <ColourProvider>
        <Workspace trouble={trouble} />
      </ColourProvider>
    </PresenceProvider>
  );
}
