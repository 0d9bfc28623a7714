/** Files and folders that are dropped or chosen. */

export interface Chosen {
  file: File;
  path: string; // with its folders, when it came with a folder
}

const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpg|mpeg|m2ts|mts|ts|m2v|vob|wmv|asf|flv|ogv|mxf|3gp|3g2|y4m|nut|dv|gxf)$/i;

/** Whether a file of a folder is worth sending; what is chosen by itself always is. */
export function isVideo(file: { name: string; type: string }): boolean {
  return file.type.startsWith("video/") || VIDEO.test(file.name);
}

export function fromInput(files: FileList | null): Chosen[] {
  return [...(files ?? [])]
    .map((file) => ({ file, path: file.webkitRelativePath }))
    .filter(({ file, path }) => path === "" || isVideo(file));
}

/** Entries must be asked for while the drop is handled, before anything is awaited. */
export async function fromDrop(data: DataTransfer | null): Promise<Chosen[]> {
  const entries = [...(data?.items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return fromInput(data?.files ?? null);
  const found = await Promise.all(entries.filter((entry) => entry !== null).map((entry) => walk(entry, "")));
  return found.flat();
}

async function walk(entry: FileSystemEntry, folder: string): Promise<Chosen[]> {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((yes, no) => (entry as FileSystemFileEntry).file(yes, no));
    return folder === "" || isVideo(file) ? [{ file, path: folder === "" ? "" : path }] : [];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Chosen[] = [];
  // A reader gives a part at a time, and nothing when it is through.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((yes, no) => reader.readEntries(yes, no));
    if (part.length === 0) return found;
    for (const each of part) found.push(...(await walk(each, `${path}/`)));
  }
}
