"""Sound whose place in time can be told: bursts of noise, each unlike all others in this track and any other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def bursts(seconds: float, track: int = 0, rate: int = 48000) -> Samples:
    """One channel: five bursts a second, at irregular distances, between 400 and 6000 Hz."""
    random = np.random.default_rng(1000 + track)
    signal = np.zeros(int(seconds * rate), np.float32)
    at = 0.02
    while at < seconds:
        burst = _burst(random, rate)
        begin = int(at * rate)
        piece = burst[: max(0, len(signal) - begin)]
        signal[begin : begin + len(piece)] += piece
        at += 0.12 + 0.16 * random.random()
    return signal


def _burst(random: np.random.Generator, rate: int) -> Samples:
    count = int(0.07 * rate)
    spectrum = np.fft.rfft(random.standard_normal(count))
    pitch = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(pitch < 400) | (pitch > 6000)] = 0
    burst = np.fft.irfft(spectrum, count) * np.hanning(count)
    return (0.5 * burst / np.abs(burst).max()).astype(np.float32)


def pcm(seconds: float, track: int, channels: int, rate: int = 48000) -> bytes:
    """Interleaved 16-bit samples; every channel plays the track's bursts, each at its own strength."""
    mono = bursts(seconds, track, rate)
    strength = np.linspace(1.0, 0.5, channels, dtype=np.float32)
    return (mono[:, None] * strength[None, :] * 32000).astype("<i2").tobytes()


def lag(source: Samples, other: Samples, rate: int) -> tuple[float, float]:
    """By how many seconds `other` plays later than `source`, and how alike they are then (1 is equal)."""
    if not len(source) or not len(other):
        return 0.0, 0.0
    size = 1 << (len(source) + len(other) - 1).bit_length()
    product = np.fft.irfft(np.conj(np.fft.rfft(source, size)) * np.fft.rfft(other, size), size)
    best = int(np.argmax(product))
    strength = float(np.linalg.norm(source) * np.linalg.norm(other)) or 1.0
    shift = best - size if best > size // 2 else best
    return shift / rate, float(product[best]) / strength
