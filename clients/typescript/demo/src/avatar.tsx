/** A face, or initials, and by its shape whether that person is there or away. */

import type { Entry } from "@presence-server/client";
import { useState } from "react";
import { useColour, who } from "./colours.tsx";
import { initials, pictureAddress, shownName } from "./text.ts";

export function Avatar({ member, isSmall = false }: { member: Entry; isSmall?: boolean }) {
  const address = pictureAddress(member.userImage);
  return (
    <span
      className={isSmall ? "avatar small" : "avatar"}
      style={who(useColour(member.userId))}
      data-status={member.status}
      aria-hidden="true"
    >
      <span className="initials">{initials(member.userName)}</span>
      {address && <Picture key={address} address={address} />}
      {isSmall || <span className="state" />}
    </span>
  );
}

/** Lies over the initials, if it loads. */
function Picture({ address }: { address: string }) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return null;
  return <img src={address} alt="" referrerPolicy="no-referrer" onError={() => setBroken(true)} />;
}

/** A few avatars in a row; what they say is said beside them in words. */
export function AvatarStack({ members, most }: { members: readonly Entry[]; most: number }) {
  const shown = members.length > most ? members.slice(0, most - 1) : members;
  return (
    <span className="stack" aria-hidden="true">
      {shown.map((member) => (
        <span key={member.userId} title={describe(member)}>
          <Avatar member={member} isSmall />
        </span>
      ))}
      {shown.length < members.length && (
        <span className="more">+{members.length - shown.length}</span>
      )}
    </span>
  );
}

const describe = ({ userName, status }: Entry) =>
  status === "away" ? `${shownName(userName)}, away` : shownName(userName);
