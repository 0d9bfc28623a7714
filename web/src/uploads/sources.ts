/** The files that were submitted since the page was loaded, for comparing results with them. */

const files = new Map<string, File>();

export const sourceOf = (job: string): File | undefined => files.get(job);
export const keepSource = (job: string, file: File): void => void files.set(job, file);
