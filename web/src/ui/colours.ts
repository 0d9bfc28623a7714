/** Colours of the theme as they are now, for canvases. */

export type Colours = (name: string) => string;

/** `light-dark()` is resolved by the browser only where it is used, so a hidden element is asked. */
export function colours(): Colours {
  const found = new Map<string, string>();
  const probe = document.createElement("i");
  return (name) => {
    let colour = found.get(name);
    if (colour === undefined) {
      probe.style.color = `var(--${name})`;
      document.body.append(probe);
      colour = getComputedStyle(probe).color;
      probe.remove();
      found.set(name, colour);
    }
    return colour;
  };
}

/** A canvas of so many CSS pixels, sharp on this screen. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(3, devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
