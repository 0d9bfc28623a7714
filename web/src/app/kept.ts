/** What this browser keeps for the page; without storage nothing is kept, and all else works. */

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`fallow.${name}`);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`fallow.${name}`);
    else localStorage.setItem(`fallow.${name}`, value);
  } catch {
    // private windows may refuse
  }
}
