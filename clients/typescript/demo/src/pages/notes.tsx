import type { Entry } from "@presence-server/client";
import { useOthers } from "@presence-server/client/react";
import { nameList } from "../text.ts";

export function Notes({ onType }: { onType: () => void }) {
  return (
    <div className="prose">
      <p data-anchor="note-1">
        Tuesday, all present but one. The plan for the autumn holds; the search rewrite moves ahead
        of the templates.
      </p>
      <p data-anchor="note-2">
        We asked five people to find last week's draft. Four looked for it under the name of the
        person who had written it, and none by its date.
      </p>
      <p data-anchor="note-3">
        To do: show who is on a page before it is opened; ask about the colours once more; find a
        date for the launch.
      </p>
      <div className="scratch" data-anchor="scratch">
        <label htmlFor="scratch">Your note</label>
        <textarea
          id="scratch"
          data-testid="scratch"
          rows={3}
          aria-describedby="scratch-hint"
          onInput={onType}
        />
        <p className="small" id="scratch-hint">
          Stays in this tab. The others only see that you are writing.
        </p>
        <Writers />
      </div>
    </div>
  );
}

const namesOfWriters = (others: readonly Entry[]) =>
  others.filter(({ activity }) => activity === "writing").map(({ userName }) => userName);

function Writers() {
  const names = useOthers(namesOfWriters);
  return (
    <p className="small writers" data-testid="writers">
      {names.length > 0 && `${nameList(names)} ${names.length === 1 ? "is" : "are"} writing…`}
    </p>
  );
}
