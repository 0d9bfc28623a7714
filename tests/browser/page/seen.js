// What the video element shows: a row for each picture, with the number that is drawn into it.
"use strict";

const video = document.getElementById("video");
const BLOCKS = 16; // as the clips' pictures have them,
const STRIP = 2 / 9; // in this part of the height, at the top
const faults = []; // whatever goes wrong, as text
let rows = null; // of the pictures shown, while it plays
let holes = []; // where there was nothing to show, but later there was

const canvas = document.createElement("canvas");
canvas.width = BLOCKS * 8;
canvas.height = 4;
const context = canvas.getContext("2d", { willReadFrequently: true });

video.addEventListener("waiting", () => {
  const at = video.currentTime;
  const there = buffered().some(([begin, end]) => begin <= at && at + 0.05 < end);
  if (!there && buffered().some(([begin]) => begin > at)) holes.push(at);
});
video.addEventListener("error", () => faults.push(`the element: ${video.error.code} ${video.error.message}`));
window.addEventListener("error", (event) => faults.push(`the page: ${event.message}`));
window.addEventListener("unhandledrejection", (event) => faults.push(`the page: ${event.reason}`));

const once = (name) => new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));
const soon = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The sixteen blocks as a number of sixteen bits, or -1 when they cannot be told apart. */
function word() {
  const top = video.videoHeight * STRIP;
  context.drawImage(video, 0, top / 4, video.videoWidth, top / 2, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 1, canvas.width, 1).data;
  const light = Array.from({ length: BLOCKS }, (_, block) => {
    let sum = 0;
    for (let x = block * 8 + 2; x < block * 8 + 6; x++) sum += pixels[x * 4 + 1];
    return sum / 4;
  });
  const low = Math.min(...light);
  const high = Math.max(...light);
  return high - low < 30 ? -1 : light.reduce((bits, value) => bits * 2 + (value > (low + high) / 2 ? 1 : 0), 0);
}

const row = (metadata) => ({ word: word(), time: metadata.mediaTime, height: metadata.height });

function record() {
  rows = [];
  holes = [];
  const next = (_, metadata) => {
    if (!rows) return;
    rows.push(row(metadata));
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
}

/** Play on to the end at a speed; as soon as one of `heights` is shown, ask for the next, round and round. */
async function toTheEnd(player, speed, heights) {
  record();
  let before = 0;
  const watch = setInterval(() => {
    const shown = heights.indexOf(video.videoHeight);
    if (shown < 0 || video.videoHeight === before) return;
    before = video.videoHeight;
    player.next(heights[(shown + 1) % heights.length]);
  }, 10);
  video.playbackRate = speed;
  const end = once("ended");
  await video.play();
  await end;
  clearInterval(watch);
  const last = await settled();
  const shown = rows;
  rows = null;
  return { rows: shown, decoded: video.getVideoPlaybackQuality().totalVideoFrames, last, holes };
}

/** The number in the picture that stays; the last one is shown after the end, on a busy machine well after. */
async function settled() {
  for (let before = -1, now = word(); ; before = now, now = word()) {
    if (now === before) return now;
    await soon(1);
  }
}

/** Go to each time, in this order; the picture that is shown there. */
async function step(times) {
  const shown = [];
  for (const time of times) shown.push(await at(time));
  return shown;
}

async function at(time) {
  const there = once("seeked");
  const picture = new Promise((resolve) => video.requestVideoFrameCallback((_, metadata) => resolve(row(metadata))));
  video.currentTime = time;
  await there;
  // Nothing is told of a picture that was shown already.
  return Promise.race([picture, soon(1).then(() => null)]);
}

/** Where there is something to play, in seconds. */
function buffered() {
  return Array.from({ length: video.buffered.length }, (_, k) => [video.buffered.start(k), video.buffered.end(k)]);
}

/** Wait until all of it has been fetched, one piece without a hole. */
async function whole() {
  while (!faults.length) {
    const [first] = buffered();
    if (first && first[1] >= video.duration - 0.1) return;
    await soon(0.02);
  }
}

/** What is written in the track that is shown; waits until some of it is there, and no more comes. */
async function cues() {
  let before = 0;
  for (;;) {
    const shown = [...video.textTracks].filter((track) => track.mode !== "disabled" && track.cues);
    const found = shown.flatMap((track) => [...track.cues].map((cue) => [cue.startTime, cue.endTime, cue.text]));
    if (faults.length || (found.length && found.length === before)) return found;
    before = found.length;
    await soon(0.5);
  }
}
