/** What follows the question mark. */

type Word = string | number | null | undefined;
export type Query = Record<string, Word | string[]>;

/** "?a=1&b=2&b=3" of what is not empty. */
export function search(query: Query): string {
  const told = new URLSearchParams();
  for (const [name, given] of Object.entries(query)) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value !== null && value !== undefined && value !== "") told.append(name, String(value));
    }
  }
  return told.size ? `?${told}` : "";
}
