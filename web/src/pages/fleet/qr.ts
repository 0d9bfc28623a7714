/** A QR code as the outline of its dark squares, for an SVG of one unit a square. */
import { generate } from "lean-qr";

export const QUIET = 4; // squares around it that stay light, as readers need

export function qr(text: string): { size: number; path: string } {
  const code = generate(text);
  let path = "";
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      if (!code.get(x, y)) continue;
      let end = x + 1;
      while (end < code.size && code.get(end, y)) end += 1;
      path += `M${x + QUIET} ${y + QUIET}h${end - x}v1h${x - end}z`;
      x = end;
    }
  }
  return { size: code.size + 2 * QUIET, path };
}
