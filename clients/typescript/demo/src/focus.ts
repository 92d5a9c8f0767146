import { useEffect, useLayoutEffect, useRef } from "react";

/** A ref for what may vanish with the focus in it: then the focus goes somewhere else. */
export function useFocusKept<E extends HTMLElement>(onGone: () => void) {
  const ref = useRef<E>(null);
  const latest = useRef(onGone);
  useEffect(() => {
    latest.current = onGone;
  });
  useLayoutEffect(() => {
    const element = ref.current;
    return () => {
      if (element?.contains(document.activeElement)) latest.current();
    };
  }, []);
  return ref;
}
