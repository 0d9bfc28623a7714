/** Videos in the page: files by the browser itself, streams by hls.js, which is loaded when the first one is played. */

export interface Shown {
  label: string;
  url: string;
  stream: boolean;
  level?: string; // of a stream: the folder of the one rendition that is to be shown, whatever the network allows
}

/** Shows it in a video element; what is returned ends that. `failed` is told a sentence's details. */
export function attach(video: HTMLVideoElement, shown: Shown, failed: (what: string) => void): () => void {
  if (!shown.stream) {
    const told = (): void => failed(video.error?.message ?? "");
    video.addEventListener("error", told);
    video.src = shown.url;
    return () => {
      video.removeEventListener("error", told);
      video.removeAttribute("src");
      video.load();
    };
  }
  let end = (): void => {};
  let over = false;
  void play();
  return () => {
    over = true;
    end();
  };

  async function play(): Promise<void> {
    const { default: Hls } = await import("hls.js");
    if (over) return;
    if (!Hls.isSupported()) {
      video.src = shown.url; // Safari on phones plays HLS by itself
      return;
    }
    const hls = new Hls({ manifestLoadingMaxRetry: 4, startPosition: 0, backBufferLength: 60 });
    end = () => hls.destroy();
    hls.on(Hls.Events.MANIFEST_PARSED, (_, { levels }) => {
      const { level } = shown;
      if (level) hls.currentLevel = levels.findIndex((each) => each.url.some((url) => decodeURI(url).includes(level)));
    });
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && failed(data.details));
    hls.loadSource(shown.url);
    hls.attachMedia(video);
  }
}
