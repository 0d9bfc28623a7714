"""What is read is what was verified, even when somebody changes it."""

import hashlib
import os

import pytest

from fallow.errors import BrokenPart
from fallow.media.reader import BLOCK
from fallow.pipeline.proven import WHOLE, proven

SIZES = [1, BLOCK, WHOLE, WHOLE + 1, WHOLE + BLOCK, WHOLE + BLOCK + 5]


def reader(data, wanted, size=None):
    """Of `data`, which is to be what was wanted."""
    digest = hashlib.sha256(wanted).hexdigest()
    return proven(lambda start, length: bytes(data[start : start + length]), size or len(wanted), digest, "It")


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_are_those_that_were_wanted(size):
    data = os.urandom(size)
    read = reader(data, data)
    assert read.at(0, size) == data
    assert read.at(size // 2, 10) == data[size // 2 : size // 2 + 10]
    assert read.size == size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"\0" * len(data)]
)
def test_others_are_refused(size, change):
    data = os.urandom(size)
    with pytest.raises(BrokenPart, match=r"It (has|does not have)"):
        reader(change(data), data)


@pytest.mark.parametrize("size", SIZES)
def test_a_change_while_it_is_read_is_noticed_or_does_no_harm(size):
    data = os.urandom(size)
    place = bytearray(data)
    read = reader(place, data)
    place[size - 1] ^= 1
    if size <= WHOLE:
        assert read.at(0, size) == data
    else:
        assert read.at(0, BLOCK) == data[:BLOCK]
        with pytest.raises(BrokenPart, match="changed while"):
            read.at(0, size)


def test_a_size_that_nobody_can_have_ends_with_the_bytes():
    data = os.urandom(WHOLE)
    with pytest.raises(BrokenPart, match=f"has {WHOLE} bytes instead of"):
        reader(data, data, 1 << 60)
