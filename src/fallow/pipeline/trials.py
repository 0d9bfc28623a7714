"""What new workers find out their speed by: one trial for each class of profile that most jobs are made of."""

from __future__ import annotations

import functools
from fractions import Fraction

from fallow import catalogue
from fallow.pipeline.recipes import encoder
from fallow.profile_files import load
from fallow.profiles import Profile
from fallow.recipe import Trial

# Together about two seconds of one core of a PC.
_BUILT_IN = {"480p": 32, "1080p": 12}  # pictures of each
_OTHERS = 16  # of 360p, by each other encoder
_RATE = Fraction(25)


@functools.lru_cache(maxsize=1)
def trials() -> tuple[Trial, ...]:
    """What is wanted most comes first: a slow device does not come to the end."""
    known = load()
    found = [_trial(known[name], frames) for name, frames in _BUILT_IN.items()]
    others = sorted(catalogue.VIDEO.keys() - {one.encoder.codec for one in found})
    return (*found, *(_trial(Profile("trial", codec=name, width=640, height=360), _OTHERS) for name in others))


def _trial(profile: Profile, frames: int) -> Trial:
    return Trial(encoder(profile, _RATE), profile.width or 0, profile.height or 0, frames)
