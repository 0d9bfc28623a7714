/** What a browser can tell of a file before it is sent, for estimates. */

export interface Clip {
  seconds: number;
  width: number;
  height: number;
}

const PATIENCE = 6000; // milliseconds

/** null for what this browser cannot read. */
export function look(file: File): Promise<Clip | null> {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  return new Promise<Clip | null>((told) => {
    const timer = setTimeout(() => told(null), PATIENCE);
    const end = (clip: Clip | null): void => {
      clearTimeout(timer);
      told(clip);
    };
    video.preload = "metadata";
    video.muted = true;
    video.onerror = () => end(null);
    video.onloadedmetadata = () => {
      const { duration, videoWidth, videoHeight } = video;
      const sound = Number.isFinite(duration) && duration > 0 && videoWidth > 0;
      end(sound ? { seconds: duration, width: videoWidth, height: videoHeight } : null);
    };
    video.src = url;
  }).finally(() => {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
}
