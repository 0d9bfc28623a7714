"""Wire forms round-trip, tolerate neighbouring versions and refuse nonsense."""

from fractions import Fraction

import pytest

from fallow.messages import Delivery, Failure, LeaseGrant, Renewal, from_wire, to_wire
from fallow.model import Colour, Effort, TaskKind
from fallow.recipe import AudioRecipe, Encoder, Retime, VideoRecipe

VIDEO = VideoRecipe(
    container="mpegts",
    output="mpegts",
    frames=240,
    start=Fraction(479, 48),
    end=None,
    guard=12,
    context_start=None,
    context_end=Fraction(20),
    deinterlace=False,
    rotation=90,
    width=720,
    height=1280,
    scaled=True,
    sample_aspect=Fraction(1),
    time_base=Fraction(1, 12800),
    rate=Fraction(24000, 1001),
    encoder=Encoder("libx264", "yuv420p", "medium", keyframes=120, crf=21.0, extra=(("aq-mode", "2"),)),
    colour=Colour(range="tv", matrix="bt709"),
    retime=Retime(Fraction(25), (0, 1, 1, 3), 0),
)


def test_a_recipe_survives_the_wire() -> None:
    grant = LeaseGrant(
        lease="l", task="t", job="j", kind=TaskKind.VIDEO, attempt=1, recipe=to_wire(VIDEO), get_url="/g",
        get_bytes=1, get_sha256="", put_url="/p", renew_seconds=10.0, deadline_seconds=600.0,
    )  # fmt: skip
    again = from_wire(LeaseGrant, to_wire(grant))
    assert again == grant
    assert again.typed_recipe == VIDEO


def test_whole_numbers_are_good_seconds() -> None:
    assert from_wire(Effort, {"wall_seconds": 3}).wall_seconds == 3.0


def test_unknown_keys_are_ignored_and_missing_ones_take_their_default() -> None:
    assert from_wire(Delivery, {"size": 1, "sha256": "ab", "frames": 2, "later": True}).effort == Effort()
    assert from_wire(Failure, {"kind": "retryable", "message": "m"}).frames is None


@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (Delivery, {"size": "1", "sha256": "ab", "frames": 2}),
        (Delivery, {"size": True, "sha256": "ab", "frames": 2}),
        (Delivery, {"size": 1 << 63, "sha256": "ab", "frames": 2}),
        (Renewal, {"frames": 1, "fps": float("nan")}),
        (Renewal, {"frames": 1, "fps": float("inf")}),
        (Delivery, {"sha256": "ab"}),
        (Delivery, []),
        (AudioRecipe, {"container": "nut", "output": "nut", "codec": "aac", "begin": "1/0", "end": None}),
        (LeaseGrant, {"kind": "dance"}),
    ],
)
def test_nonsense_is_refused_with_a_sentence(cls: type, data: object) -> None:
    with pytest.raises(ValueError, match="This is no valid"):
        from_wire(cls, data)
