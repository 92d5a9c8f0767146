/** Light or dark: the system's, until the visitor says otherwise. */

import { useEffect, useState, useSyncExternalStore } from "react";

const KEY = "presence-demo.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function onSystem(listener: () => void) {
  system.addEventListener("change", listener);
  return () => system.removeEventListener("change", listener);
}

function recall(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(theme: string) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage switched off: the choice lasts until the next load.
  }
}

export function ThemeSwitch() {
  const systemIsDark = useSyncExternalStore(onSystem, () => system.matches);
  const [chosen, choose] = useState(recall);
  const isDark = chosen ? chosen === "dark" : systemIsDark;
  useEffect(() => {
    if (chosen) document.documentElement.setAttribute("data-theme", chosen);
  }, [chosen]);
  const turn = () => {
    const next = isDark ? "light" : "dark";
    keep(next);
    choose(next);
  };
  return (
    <button
      type="button"
      className="icon-button"
      data-testid="theme"
      aria-pressed={isDark}
      aria-label="Dark colours"
      title={isDark ? "Light colours" : "Dark colours"}
      onClick={turn}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="1.5" />
        <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />
      </svg>
    </button>
  );
}
