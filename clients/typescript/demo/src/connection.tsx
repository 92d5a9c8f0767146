/** How the connection is, honestly, and what can be done about it. */

import type { Refusal, Status } from "@presence-server/client";
import { usePresence, useWorkspacePresence } from "@presence-server/client/react";
import { useFocusKept } from "./focus.ts";

const WORDS: Record<Status, string> = {
  connecting: "Connecting…",
  online: "Online",
  reconnecting: "Reconnecting…",
  refused: "Refused",
  closed: "Disconnected",
};

/** What the close codes of the protocol say, to a visitor. */
const MEANINGS: Record<number, string> = {
  1009: "A message was too big.",
  4400: "The server could not make sense of this page.",
  4401: "The server does not accept the token.",
  4403: "This token does not open this room.",
  4404: "There is no such room.",
  4409: "Another connection has taken this one's place.",
  4410: "You were removed, or the room was ended.",
};

export function Connection() {
  const { status } = useWorkspacePresence();
  const presence = usePresence();
  return (
    <div className="connection">
      <p role="status" data-testid="connection" data-status={status}>
        {WORDS[status]}
      </p>
      {status !== "refused" && (
        <button
          type="button"
          data-testid="switch"
          onClick={status === "closed" ? presence.connect : presence.close}
        >
          {status === "closed" ? "Connect" : "Disconnect"}
        </button>
      )}
    </div>
  );
}

interface BannerProps {
  /** Why there was no token. */
  readonly trouble: string;
  /** Called when it goes with the focus in it. */
  readonly onGone: () => void;
}

/** Below the top bar while all is not well. */
export function ConnectionBanner(props: BannerProps) {
  const { status } = useWorkspacePresence();
  const isWell = status === "online" || (status === "connecting" && !props.trouble);
  return isWell ? null : <Banner {...props} />;
}

function Banner({ trouble, onGone }: BannerProps) {
  const { status, refusal } = useWorkspacePresence();
  const presence = usePresence();
  return (
    <section
      ref={useFocusKept(onGone)}
      className="banner"
      aria-label="Connection"
      data-testid="banner"
      data-status={status}
      data-keep-following
    >
      <p>{explain(status, refusal, trouble)}</p>
      {status !== "closed" && (
        <button type="button" data-testid="retry" onClick={presence.connect}>
          {status === "refused" ? "Connect again" : "Try now"}
        </button>
      )}
    </section>
  );
}

function explain(status: Status, refusal: Refusal | null, trouble: string): string {
  if (status === "closed") return "You have left the room. The others do not see you.";
  if (!refusal) return `${trouble || "The connection was lost."} Trying again by itself.`;
  const { code, reason } = refusal;
  const meaning = MEANINGS[code] ?? "The server ended the connection.";
  return `${meaning} (${reason ? `${code}, ${reason}` : code})`;
}
