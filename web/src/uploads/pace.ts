/** How fast something goes of late, and when it will be there. */

const SPAN = 8000; // milliseconds that are looked back on

export class Pace {
  private seen: { at: number; done: number }[] = [];

  note(done: number, at: number): void {
    this.seen.push({ at, done });
    while (this.seen.length > 2 && at - (this.seen[1]?.at ?? at) > SPAN) this.seen.shift();
  }

  /** Forgets a pause. */
  restart(): void {
    this.seen = [];
  }

  /** Per second; 0 when it is not known. */
  get speed(): number {
    const [first, last] = [this.seen[0], this.seen.at(-1)];
    if (!first || !last || last.at - first.at < 300) return 0;
    return Math.max(0, ((last.done - first.done) / (last.at - first.at)) * 1000);
  }

  left(total: number): number | null {
    const done = this.seen.at(-1)?.done ?? 0;
    return this.speed > 0 ? (total - done) / this.speed : null;
  }
}
