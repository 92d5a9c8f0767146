import { useWorkspacePresence } from "@presence-server/client/react";
import { Connection } from "./connection.tsx";
import { ThemeSwitch } from "./theme.tsx";

export function TopBar() {
  return (
    <header className="top" data-keep-following>
      <p className="brand">
        <span className="mark" aria-hidden="true" />
        Presence
      </p>
      <Connection />
      <PeopleButton />
      <ThemeSwitch />
    </header>
  );
}

/** On a phone the people are below the sheet: this is the way to them. */
function PeopleButton() {
  const { presenceMap } = useWorkspacePresence();
  const jump = () => {
    const title = document.getElementById("people-title");
    title?.scrollIntoView();
    title?.focus({ preventScroll: true });
  };
  return (
    <button type="button" className="people-button" data-testid="people-button" onClick={jump}>
      {presenceMap.size} here<span className="unseen">: go to the list</span>
    </button>
  );
}
