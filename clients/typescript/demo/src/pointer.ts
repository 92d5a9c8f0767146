/**
 * Where a pointer is, in terms of what it points at: the nearest piece of content that has a
 * `data-anchor`, so that it means the same thing on a page laid out for another width.
 */

export interface Pointer {
  readonly anchor: string;
  /** From 0 to 1 across and down the anchor. */
  readonly x: number;
  readonly y: number;
  /** Pixels beyond its edge. */
  readonly dx: number;
  readonly dy: number;
}

interface Point {
  readonly clientX: number;
  readonly clientY: number;
}

const FARTHEST_PX = 10_000;

const anchorsOf = (sheet: HTMLElement) => [...sheet.querySelectorAll("[data-anchor]")];

const anchorOf = (element: Element) => element.getAttribute("data-anchor")!;

export function locate(sheet: HTMLElement, { clientX, clientY }: Point): Pointer | null {
  let nearest: Pointer | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const element of anchorsOf(sheet)) {
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, dx] = along(clientX - left, width);
    const [y, dy] = along(clientY - top, height);
    const distance = Math.hypot(dx, dy);
    if (distance >= least) continue;
    least = distance;
    nearest = { anchor: anchorOf(element), x, y, dx, dy };
  }
  return nearest;
}

export interface Spot {
  readonly left: number;
  readonly top: number;
}

/**
 * Where these are on this sheet, in pixels from its corner; null for one that is nowhere. It only
 * reads the layout: place all before you move any, or each has to be laid out for the next.
 */
export function place(sheet: HTMLElement, pointers: readonly unknown[]): (Spot | null)[] {
  const origin = sheet.getBoundingClientRect();
  const boxes = new Map(anchorsOf(sheet).map((it) => [anchorOf(it), it.getBoundingClientRect()]));
  return pointers.map((pointer) => {
    const box = isPointer(pointer) && boxes.get(pointer.anchor);
    if (!box) return null;
    const left = box.left - origin.left - sheet.clientLeft + pointer.x * box.width + pointer.dx;
    const top = box.top - origin.top - sheet.clientTop + pointer.y * box.height + pointer.dy;
    return { left: clamp(left, 0, origin.width), top: clamp(top, 0, origin.height) };
  });
}

/** A cursor is whatever its sender says it is. */
function isPointer(value: unknown): value is Pointer {
  const { anchor, x, y, dx, dy } = (value ?? {}) as { [key in keyof Pointer]?: unknown };
  return (
    typeof anchor === "string" &&
    [x, y].every((part) => isBetween(part, 0, 1)) &&
    [dx, dy].every((beyond) => isBetween(beyond, -FARTHEST_PX, FARTHEST_PX))
  );
}

const isBetween = (value: unknown, low: number, high: number) =>
  typeof value === "number" && value >= low && value <= high;

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** The fraction along a side, and the pixels beyond it. */
function along(offset: number, size: number): [fraction: number, beyond: number] {
  const inside = clamp(offset, 0, size);
  const fraction = size > 0 ? Math.round((inside / size) * 10_000) / 10_000 : 0;
  return [fraction, Math.round(offset - inside)];
}
