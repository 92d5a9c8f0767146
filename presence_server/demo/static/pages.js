/** The pretend workspace: its pages, the one shown, and a dot on each for everybody there. */

import { build, setText } from "./dom.js";
import { colourOf } from "./text.js";

/** @typedef {import("./reducer.js").Member} Member */

const MOST_DOTS = 5;

/**
 * The pages are those linked in `nav`; the address bar holds the present one as `#/path`.
 *
 * @param {HTMLElement} nav
 * @param {HTMLElement} heading
 * @param {(path: string) => void} onOwnMove  the visitor chose another page
 */
export function workspace(nav, heading, onOwnMove) {
  /** @type {Map<string, HTMLAnchorElement>} */
  const links = new Map();
  for (const link of nav.querySelectorAll("a")) links.set(link.hash.slice(1), link);
  const first = [...links.keys()][0];
  let path = fromAddress();

  /** A link, the back button and a typed address all arrive here; `goTo` below does not. */
  window.addEventListener("hashchange", () => {
    const next = fromAddress();
    if (next === path) return;
    show(next);
    onOwnMove(next);
  });

  function fromAddress() {
    const wanted = location.hash.slice(1);
    return links.has(wanted) ? wanted : first;
  }

  /** @param {string} next */
  function show(next) {
    path = next;
    for (const [known, link] of links) {
      if (known === path) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    for (const page of document.querySelectorAll("[data-page]")) {
      /** @type {HTMLElement} */ (page).hidden = page.getAttribute("data-page") !== path;
    }
    setText(heading, titleOf(path));
    document.title = `${titleOf(path)} · Presence demo`;
  }

  /** @param {string} of */
  function titleOf(of) {
    return links.get(of)?.dataset.title ?? of;
  }

  show(path);

  return {
    get path() {
      return path;
    },
    titleOf,
    /** @param {string} wanted */
    has: (wanted) => links.has(wanted),
    /** @param {string} wanted */
    goTo(wanted) {
      history.pushState(null, "", `#${wanted}`);
      show(wanted);
    },
    /** @param {Member[]} members */
    drawDots(members) {
      for (const [known, link] of links) {
        const here = members.filter((member) => member.currentPath === known);
        const dots = here.slice(0, MOST_DOTS).map((member) => {
          const dot = build("span", { class: "speck" });
          dot.style.setProperty("--who", colourOf(member.userId));
          return dot;
        });
        link.querySelector(".specks")?.replaceChildren(...dots);
        setText(
          /** @type {Element} */ (link.querySelector(".crowd")),
          here.length ? `, ${here.length} here` : "",
        );
      }
    },
  };
}
