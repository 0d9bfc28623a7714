// Shaka Player behind the same few words.
"use strict";

const shakaPlayer = {
  async open(url, height, inTurns, ahead) {
    shaka.polyfill.installAll();
    this.player = new shaka.Player();
    await this.player.attach(video);
    // Nothing is thrown away behind, and a machine that is busy is no reason to go to another place.
    const streaming = { bufferBehind: 600, bufferingGoal: ahead, stallEnabled: false };
    this.player.configure({ abr: { enabled: false }, streaming });
    if (height) this.player.configure({ restrictions: { minHeight: height, maxHeight: height } });
    this.player.addEventListener("error", ({ detail }) => faults.push(`Shaka: ${detail.code} ${detail.data}`));
    if (inTurns) this.turn();
    await this.player.load(url);
    if (video.readyState < 2) await once("loadeddata");
    return this.choices();
  },

  choices() {
    return {
      duration: video.duration,
      heights: this.heights(),
      audio: this.player.getAudioTracks().map((track) => track.language),
      texts: this.player.getTextTracks().map((track) => track.language),
    };
  },

  heights() {
    const heights = this.player.getVariantTracks().map((variant) => variant.height);
    return [...new Set(heights)].sort((a, b) => a - b);
  },

  /** Fetch this rendition from the next segment on. */
  next(height) {
    const variants = this.player.getVariantTracks();
    const now = variants.find((variant) => variant.active);
    const alike = variants.filter((variant) => variant.language === now.language);
    this.player.selectVariantTrack(alike.find((variant) => variant.height === height));
  },

  turn() {
    this.player.addEventListener("segmentappended", ({ contentType }) => {
      if (contentType !== "video") return;
      const heights = this.heights();
      const now = this.player.getVariantTracks().find((variant) => variant.active).height;
      this.next(heights[(heights.indexOf(now) + 1) % heights.length]);
    });
  },

  audio(language) {
    this.player.selectAudioTrack(this.player.getAudioTracks().find((track) => track.language === language));
  },

  text(language) {
    this.player.selectTextTrack(this.player.getTextTracks().find((track) => track.language === language));
  },
};
