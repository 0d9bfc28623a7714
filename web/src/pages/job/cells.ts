/** The chunks of a job in all its renditions, as letters that events change. */
import type { JobMap, MapCell, MapEvent, Named } from "../../api/types";

export type Letter = "." | "p" | "q" | "l" | "d" | "x" | "r";
export const LETTERS: Letter[] = [".", "p", "r", "q", "l", "d", "x"];

export class Cells {
  chunks = 0;
  renditions: string[] = [];
  workers: Named[] = [];
  private letters: Letter[][] = [];
  private at = new Map<string, [worker: number, share: number]>();

  constructor(map?: JobMap) {
    if (!map) return;
    this.renditions = map.renditions;
    this.workers = [...map.workers];
    this.letters = map.renditions.map((name) => [...(map.cells[name] ?? "")].map(known));
    this.grow(map.chunks);
    for (const [rendition, row] of map.renditions.entries()) {
      for (const [number, at] of Object.entries(map.at[row] ?? {})) this.at.set(`${rendition} ${number}`, at);
    }
  }

  letter(rendition: number, number: number): Letter {
    return this.letters[rendition]?.[number] ?? ".";
  }

  /** The worker that has a chunk, and the share of it that is done. */
  leased(rendition: number, number: number): [worker: number, share: number] | null {
    return this.at.get(`${rendition} ${number}`) ?? null;
  }

  /** The places that changed; null when all of the map has another shape. */
  apply(event: MapEvent): [rendition: number, number: number][] | null {
    const before = this.chunks;
    for (const worker of event.workers) {
      if (!this.workers.some((known) => known.id === worker.id)) this.workers.push(worker);
    }
    this.grow(event.chunks);
    const changed = event.cells.map((cell) => this.set(cell)).filter((place) => place !== null);
    return this.chunks === before ? changed : null;
  }

  /** How many there are of each letter. */
  tally(): Record<Letter, number> {
    const told: Record<Letter, number> = { ".": 0, p: 0, q: 0, l: 0, d: 0, x: 0, r: 0 };
    for (const row of this.letters) for (const letter of row) told[letter] += 1;
    return told;
  }

  private set([name, number, letter, worker, share]: MapCell): [number, number] | null {
    const rendition = this.renditions.indexOf(name);
    const row = this.letters[rendition];
    if (!row || number < 0 || number >= this.chunks) return null;
    row[number] = known(letter);
    if (worker === null || letter !== "l") this.at.delete(`${rendition} ${number}`);
    else this.at.set(`${rendition} ${number}`, [worker, share]);
    return [rendition, number];
  }

  /** The number of chunks is an estimate until the source is cut, so it may shrink, too. */
  private grow(chunks: number): void {
    this.chunks = chunks;
    for (const row of this.letters) {
      while (row.length < chunks) row.push(".");
      row.length = chunks;
    }
  }
}

function known(letter: string): Letter {
  return LETTERS.find((each) => each === letter) ?? ".";
}
