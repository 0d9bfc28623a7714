/** Two videos in step: one leads, the other shows the same frame. */

/** Beyond this the second one jumps; below, it runs a little faster or slower until it is level. */
const JUMP = 0.3; // seconds

/** How fast the second one has to run, and where it has to jump to when that is not enough. */
export function follow(leader: number, follower: number, frame: number): { rate: number; jump: number | null } {
  const behind = leader - follower;
  if (Math.abs(behind) > JUMP) return { rate: 1, jump: leader };
  if (Math.abs(behind) < frame / 2) return { rate: 1, jump: null };
  return { rate: Math.max(0.75, Math.min(1.25, 1 + behind * 2)), jump: null };
}

/** The middle of the frame that is shown at a time, so that rounding leads to the same one in both. */
export function middle(time: number, frame: number): number {
  return (Math.floor(time / frame + 0.001) + 0.5) * frame;
}

export function lock(leader: HTMLVideoElement, follower: HTMLVideoElement, frame: number): () => void {
  let over = false;
  const level = (): void => void (follower.currentTime = middle(leader.currentTime, frame));
  const stop = (): void => {
    follower.pause();
    follower.playbackRate = leader.playbackRate;
    level();
  };
  const play = (): void => void follower.play().catch(() => {});
  const each = (_: number, shown: VideoFrameCallbackMetadata): void => {
    if (over) return;
    if (!leader.paused) {
      const { rate, jump } = follow(shown.mediaTime, follower.currentTime, frame);
      follower.playbackRate = leader.playbackRate * rate;
      if (jump !== null) follower.currentTime = jump;
    }
    leader.requestVideoFrameCallback(each);
  };
  leader.requestVideoFrameCallback(each);
  const calls = { play, pause: stop, seeked: level, ended: stop };
  for (const [kind, call] of Object.entries(calls)) leader.addEventListener(kind, call);
  level();
  return () => {
    over = true;
    for (const [kind, call] of Object.entries(calls)) leader.removeEventListener(kind, call);
  };
}
