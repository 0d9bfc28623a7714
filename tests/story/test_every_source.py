"""Whatever the source: each frame once, in order, at its time, with its sound and all that is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clips.library import CLIPS
from clips.maker import Clip
from story.checks import Verdict, compare, compare_damaged
from story.observe import Observed, observe
from story.product import Made

# The first test of a container waits until all of its clips are encoded.
pytestmark = pytest.mark.timeout(1800)

Batch = Callable[..., dict[str, Made]]
Truth = Callable[[Path], Observed]
Tell = Callable[[Clip, str, Verdict | str], None]

_SOUND = [clip for clip in CLIPS if not clip.damaged]
_DAMAGED = [clip for clip in CLIPS if clip.damaged]
_ELSEWHERE = [
    clip
    for clip in CLIPS
    if clip.name
    in {
        "anamorphic-mkv",
        "b-pyramid-mkv",
        "hdr10-mp4",
        "hevc-cra-mp4",
        "languages-mkv",
        "open-gop-ts",
        "rate-23976-mp4",
        "rotated-90-mp4",
        "sound-earlier-mp4",
        "sound-later-mp4",
        "start-3600-ts",
        "subtitles-srt-mkv",
        "two-frames-mp4",
        "vfr-mp4",
    }
]


def _name(clip: object) -> str:
    return clip.name if isinstance(clip, Clip) else str(clip)


@pytest.mark.parametrize("clip", _SOUND, ids=_name)
def test_every_frame_comes_through(clip: Clip, batch: Batch, truth: Truth, tell: Tell) -> None:
    made = batch("test_every_frame_comes_through", "mp4")[clip.name]
    if made.error:
        tell(clip, "mp4", f"no result: {made.error}")
    assert not made.error
    verdict = compare(truth(made.source), observe(made.result), "mp4")
    tell(clip, "mp4", verdict)
    assert not verdict.faults


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
@pytest.mark.parametrize("clip", _ELSEWHERE, ids=_name)
def test_other_containers_are_as_exact_as_they_can_be(
    clip: Clip, container: str, batch: Batch, truth: Truth, tell: Tell
) -> None:
    made = batch("test_other_containers_are_as_exact_as_they_can_be", container)[clip.name]
    assert not made.error
    verdict = compare(truth(made.source), observe(made.result), container)
    tell(clip, container, verdict)
    assert not verdict.faults


@pytest.mark.parametrize("clip", _DAMAGED, ids=_name)
def test_damage_is_told_and_never_hidden(clip: Clip, batch: Batch, truth: Truth, tell: Tell) -> None:
    """Without being asked to accept damage, Fallow makes an exact result or none."""
    made = batch("test_damage_is_told_and_never_hidden", "mp4")[clip.name]
    if made.error:
        tell(clip, "mp4", f"refused: {made.error}")
        assert not made.result.exists()
        assert made.error.endswith(".")
        return
    assert not clip.refused
    assert any("may look spoilt" in warning for warning in made.warnings) == ("spoilt" in clip.marks)
    verdict = compare(truth(made.source), observe(made.result), "mp4")
    tell(clip, "mp4", verdict)
    assert not verdict.faults


@pytest.mark.parametrize("clip", _DAMAGED, ids=_name)
def test_accepted_damage_moves_nothing_that_is_whole(clip: Clip, batch: Batch, truth: Truth) -> None:
    """What can be decoded is shown at its own time."""
    made = batch("test_accepted_damage_moves_nothing_that_is_whole", "mp4", "--accept-damaged")[clip.name]
    assert not made.error
    verdict = compare_damaged(truth(made.source), observe(made.result))
    assert not verdict.faults
