/** Who the visitor is to the others, and ways to be more people than one. */

import { usePresence, useWorkspacePresence } from "@presence-server/client/react";
import { type FormEvent, useEffect, useState } from "react";
import { Avatar } from "./avatar.tsx";
import { addressAsMyself, type Identity, identity, useIdentity } from "./identity.ts";
import { pictureAddress } from "./text.ts";

export function You({ isAlone }: { isAlone: boolean }) {
  const me = useIdentity();
  const { self } = useWorkspacePresence();
  return (
    <section className="you" aria-labelledby="you-title" data-keep-following>
      <h2 id="you-title">You</h2>
      <div className="you-name">
        {self && <Avatar member={self} />}
        <Field name="name" label="Your name" value={me.name} />
      </div>
      <details>
        <summary>Picture</summary>
        <Field name="picture" label="Address" value={me.picture} />
      </details>
      <MoreWindows me={me} isAlone={isAlone} />
    </section>
  );
}

interface FieldProps {
  readonly name: "name" | "picture";
  readonly label: string;
  readonly value: string;
}

/** Saved on Enter and when it is left. */
function Field({ name, label, value }: FieldProps) {
  const presence = usePresence();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const isPicture = name === "picture";
  const isWrong = isPicture && typed.trim() !== "" && !pictureAddress(typed.trim());
  const save = (event?: FormEvent) => {
    event?.preventDefault();
    if (typed === value || isWrong) return;
    identity.change({ [name]: typed });
    setTyped(identity.get()[name]);
    presence.refresh();
  };
  return (
    <form className="field" onSubmit={save}>
      <label htmlFor={name}>{label}</label>
      <input
        id={name}
        data-testid={name}
        type={isPicture ? "url" : "text"}
        placeholder={isPicture ? "https://" : undefined}
        maxLength={isPicture ? 2048 : 256}
        autoComplete="off"
        spellCheck="false"
        value={typed}
        aria-describedby={isWrong ? "wrong" : undefined}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => save()}
      />
      {isWrong && (
        <p className="warning" id="wrong" role="alert">
          Only http and https addresses can be used.
        </p>
      )}
    </form>
  );
}

function MoreWindows({ me, isAlone }: { me: Identity; isAlone: boolean }) {
  const query = new URLSearchParams(location.search);
  const elsewhere = `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
  return (
    <div className="windows">
      {isAlone && <p data-testid="alone">You are alone here. Open a second window:</p>}
      <p>
        <a href={elsewhere} target="_blank" rel="noopener" data-testid="as-somebody">
          Open as somebody else
        </a>
        <a href={addressAsMyself(me)} target="_blank" rel="noopener" data-testid="as-myself">
          Open a second tab of yours
        </a>
      </p>
    </div>
  );
}
