"""An upload whose speed is ours, and a source that is long enough for it."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from watching import FFMPEG

NOISY = 8  # seconds
_STYLES = {
    "avi": ["-f", "avi"],
    "ts": ["-f", "mpegts"],
    "mkv": ["-f", "matroska"],
    "mp4": ["-f", "mp4", "-movflags", "faststart"],
    "m4v": ["-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof"],  # in fragments
    "mov": ["-f", "mov"],
}


def noisy(folder: Path, suffix: str, picture: str = "testsrc2") -> Path:
    """A clip of some 20 MB, whose index is in front wherever its container has one (but for .mov)."""
    path = folder / f"{picture}.{suffix}"
    if not path.exists():
        inputs = ["-f", "lavfi", "-i", f"{picture}=s=320x180:r=25:d={NOISY},noise=alls=60:allf=t"]
        inputs += ["-f", "lavfi", "-i", f"sine=f=440:d={NOISY}"]
        video = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-g", "25", "-bf", "2"]
        rest = ["-pix_fmt", "yuv420p", "-c:a", "aac", *_STYLES[suffix], "-y", str(path)]
        command = [FFMPEG, "-v", "error", *inputs, *video, *rest]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class Sending:
    """A source that is sent as far as it is wanted."""

    def __init__(self, url: str, job: str, source: Path, token: str = "") -> None:
        self._data = source.read_bytes()
        self._sent = 0
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._connection.putrequest("PUT", f"/api/v1/jobs/{job}/source")
        self._connection.putheader("Content-Length", str(len(self._data)))
        if token:
            self._connection.putheader("Authorization", f"Bearer {token}")
        self._connection.endheaders()

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        self.break_off()

    def break_off(self) -> None:
        """Hang up, wherever it is."""
        self._connection.close()

    def upto(self, share: float) -> None:
        """Send until this much of it is sent."""
        end = int(len(self._data) * share)
        self._connection.send(self._data[self._sent : end])
        self._sent = end

    def end(self) -> tuple[int, dict[str, object]]:
        """Send the rest; the answer."""
        self.upto(1)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())
