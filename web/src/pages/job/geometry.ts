/** Where the cells of a chunk map are: one band for each rendition, its chunks in lines from left to right. */

export interface Layout {
  cell: number; // px from one cell to the next
  gap: number; // px of those that stay empty
  columns: number;
  lines: number; // in each band
  band: number; // px from one band to the next
  width: number;
  height: number;
  chunks: number;
  renditions: number;
}

export interface Place {
  rendition: number;
  number: number;
}

export const HEADING = 22; // px above each band, for its name
const LARGEST = 30;
const SMALLEST = 3;

/** The largest cells with which all of it is at most `most` high; the smallest there are when none are small enough. */
export function layout(width: number, chunks: number, renditions: number, most: number): Layout {
  let cell = LARGEST;
  while (cell > SMALLEST && measured(width, chunks, renditions, cell).height > most) cell -= 1;
  return measured(width, chunks, renditions, cell);
}

export function corner(made: Layout, place: Place): { x: number; y: number } {
  return {
    x: (place.number % made.columns) * made.cell,
    y: place.rendition * made.band + HEADING + Math.floor(place.number / made.columns) * made.cell,
  };
}

/** The cell at a point of the map. */
export function placeAt(made: Layout, x: number, y: number): Place | null {
  const rendition = Math.floor(y / made.band);
  const below = y - rendition * made.band - HEADING;
  const column = Math.floor(x / made.cell);
  if (x < 0 || y < 0 || below < 0 || column >= made.columns || rendition >= made.renditions) return null;
  const number = Math.floor(below / made.cell) * made.columns + column;
  return number < made.chunks ? { rendition, number } : null;
}

/** Where a key leads from a cell. */
export function moved(made: Layout, from: Place, key: string): Place | null {
  const held = (number: number): number => Math.max(0, Math.min(made.chunks - 1, number));
  const { rendition, number } = from;
  switch (key) {
    case "ArrowLeft":
      return { rendition, number: held(number - 1) };
    case "ArrowRight":
      return { rendition, number: held(number + 1) };
    case "ArrowDown":
      if (number + made.columns < made.chunks) return { rendition, number: number + made.columns };
      return rendition + 1 < made.renditions ? { rendition: rendition + 1, number: number % made.columns } : from;
    case "ArrowUp": {
      if (number >= made.columns) return { rendition, number: number - made.columns };
      if (rendition === 0) return from;
      const last = (made.lines - 1) * made.columns + number;
      return { rendition: rendition - 1, number: last < made.chunks ? last : held(last - made.columns) };
    }
    case "Home":
      return { rendition, number: 0 };
    case "End":
      return { rendition, number: made.chunks - 1 };
    default:
      return null;
  }
}

function measured(width: number, chunks: number, renditions: number, cell: number): Layout {
  const columns = Math.max(1, Math.floor(width / cell));
  const lines = Math.max(1, Math.ceil(chunks / columns));
  const band = HEADING + lines * cell + 10;
  const gap = cell >= 14 ? 2 : cell >= 5 ? 1 : 0;
  return { cell, gap, columns, lines, band, width, height: band * renditions, chunks, renditions };
}
