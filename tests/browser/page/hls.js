// hls.js behind the few words that tests use.
"use strict";

// It changed its mind; it appended nothing but a header; the machine is busy (holes are seen without its help).
const HARMLESS = new Set(["aborted", "bufferAppendNoProgress", "bufferStalledError"]);

/** Chooses for each segment the rendition after that of the segment before. */
class InTurns extends Hls.DefaultConfig.abrController {
  constructor(hls) {
    super(hls);
    this.before = -1;
    hls.on(Hls.Events.FRAG_LOADING, (_, { frag }) => {
      if (frag.type === "main") this.before = frag.level;
    });
  }

  get nextAutoLevel() {
    return (this.before + 1) % this.hls.levels.length;
  }

  set nextAutoLevel(level) {
    super.nextAutoLevel = level;
  }
}

const hlsPlayer = {
  async open(url, height, inTurns, ahead) {
    // Nothing is thrown away behind, and a machine that is busy is no reason to go to another place.
    const settings = { backBufferLength: Infinity, maxBufferLength: ahead, maxMaxBufferLength: ahead };
    settings.startPosition = 0; // of what grows, too
    Object.assign(settings, { highBufferWatchdogPeriod: 600, detectStallWithCurrentTimeMs: 600000 });
    if (inTurns) settings.abrController = InTurns;
    this.hls = new Hls(settings);
    this.hls.on(Hls.Events.ERROR, (_, { type, details, reason, error }) => {
      if (!HARMLESS.has(details)) faults.push(`hls.js: ${type} ${details} ${reason ?? error ?? ""}`);
    });
    this.hls.on(Hls.Events.MANIFEST_PARSED, () => height && this.next(height));
    const ready = once("loadeddata");
    this.hls.loadSource(url);
    this.hls.attachMedia(video);
    await ready;
    return this.choices();
  },

  choices() {
    const { levels, audioTracks, subtitleTracks } = this.hls;
    return {
      duration: video.duration,
      heights: levels.map((level) => level.height),
      audio: audioTracks.map((track) => track.lang ?? ""),
      texts: subtitleTracks.map((track) => track.lang ?? ""),
    };
  },

  /** Show this rendition from the next segment on, whatever has been fetched. */
  next(height) {
    this.hls.nextLevel = this.hls.levels.findIndex((level) => level.height === height);
  },

  audio(language) {
    this.hls.audioTrack = this.hls.audioTracks.findIndex((track) => track.lang === language);
  },

  text(language) {
    this.hls.subtitleTrack = this.hls.subtitleTracks.findIndex((track) => track.lang === language);
    this.hls.subtitleDisplay = true;
  },
};
