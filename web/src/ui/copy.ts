/** Copies a text; where the browser has no clipboard for pages (plain http from elsewhere), by a selection. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return selected(text);
  }
}

function selected(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area); // what is behind a dialog has no focus
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
