"""What Fallow talks about: sources, jobs, renditions, chunks, tasks, leases, workers, and their legal moves."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from fallow.errors import IllegalMove


class JobState(enum.Enum):
    """The life of a job; `moves` lists what may follow each state."""

    UPLOADING = "uploading"
    SPLITTING = "splitting"
    ENCODING = "encoding"
    JOINING = "joining"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def moves(self) -> frozenset[JobState]:
        return _JOB_MOVES[self]

    @property
    def ended(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

    def to(self, new: JobState) -> JobState:
        """The new state, if the move is legal; raises IllegalMove otherwise."""
        if new not in self.moves:
            raise IllegalMove(f"A job that is {self.value} cannot become {new.value}.")
        return new


_STOPS = {JobState.FAILED, JobState.CANCELLED}
_JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.UPLOADING: frozenset({JobState.SPLITTING} | _STOPS),
    JobState.SPLITTING: frozenset({JobState.ENCODING} | _STOPS),
    JobState.ENCODING: frozenset({JobState.JOINING} | _STOPS),
    JobState.JOINING: frozenset({JobState.DONE, JobState.ENCODING} | _STOPS),
    JobState.DONE: frozenset(),
    # `retry` continues from what is finished, so it may re-enter at any working state.
    JobState.FAILED: frozenset({JobState.UPLOADING, JobState.SPLITTING, JobState.ENCODING, JobState.JOINING}),
    JobState.CANCELLED: frozenset({JobState.UPLOADING, JobState.SPLITTING, JobState.ENCODING, JobState.JOINING}),
}


class JobKind(enum.Enum):
    """What a job is for."""

    ENCODE = "encode"
    QUALITY = "quality"  # it measures how well a rendition of another job shows its source

    @staticmethod
    def of(job: str) -> JobKind:
        """Told by the id, so that nobody needs to look for the job."""
        return JobKind.QUALITY if job.startswith(MEASURING) else JobKind.ENCODE


MEASURING = "q"
"""How the ids of jobs begin that measure quality; all others are hexadecimal numbers."""


class TaskState(enum.Enum):
    """The life of a task; `moves` lists what may follow each state."""

    PLANNED = "planned"  # known, not yet offered: outside the job's admission window
    QUEUED = "queued"  # offered to workers
    LEASED = "leased"  # one worker is at it
    DONE = "done"  # its first verified delivery is committed
    DEAD = "dead"  # every attempt failed, or one was rejected

    @property
    def moves(self) -> frozenset[TaskState]:
        return _TASK_MOVES[self]

    def to(self, new: TaskState) -> TaskState:
        """The new state, if the move is legal; raises IllegalMove otherwise."""
        if new not in self.moves:
            raise IllegalMove(f"A task that is {self.value} cannot become {new.value}.")
        return new


_TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    # A delivery whose lease had expired still counts, so a planned or queued task may become done.
    TaskState.PLANNED: frozenset({TaskState.QUEUED, TaskState.DONE}),
    TaskState.QUEUED: frozenset({TaskState.LEASED, TaskState.PLANNED, TaskState.DONE}),
    TaskState.LEASED: frozenset({TaskState.QUEUED, TaskState.PLANNED, TaskState.DONE, TaskState.DEAD}),
    # A part that turns out to be broken at the join is encoded again.
    TaskState.DONE: frozenset({TaskState.PLANNED}),
    TaskState.DEAD: frozenset({TaskState.PLANNED}),
}


class TaskKind(enum.Enum):
    """What a task does. Fetch, split and join run beside the store; the others on any worker."""

    FETCH = "fetch"  # the source, from an address
    SPLIT = "split"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    JOIN = "join"


@dataclass(frozen=True)
class Colour:
    """Colour description of a video, in FFmpeg's names; empty means unspecified."""

    range: str = ""  # "tv" or "pc"
    primaries: str = ""
    transfer: str = ""
    matrix: str = ""
    # HDR10 static metadata in the encoders' own notation, "" when there is none:
    mastering: str = ""  # G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min), units 0.00002 and 0.0001 cd/m2
    light: str = ""  # "max-content,max-average" in cd/m2


@dataclass(frozen=True)
class VideoTrack:
    """The one video stream that is encoded."""

    codec: str  # FFmpeg's canonical codec name
    width: int  # coded size in pixels, before rotation
    height: int
    sample_aspect: Fraction  # pixel width / pixel height, before rotation
    rotation: int  # degrees clockwise that upright display needs: 0, 90, 180, 270
    pixel_format: str
    bit_depth: int
    time_base: Fraction  # seconds per tick of every pts below
    average_rate: Fraction  # frames per second
    frames: int  # frames shown
    interlaced: bool
    colour: Colour = field(default_factory=Colour)
    mirrored: bool = False  # left and right are to be swapped before turning
    index: int = 0  # its place among the source's video streams


@dataclass(frozen=True)
class AudioTrack:
    """One audio stream of the source."""

    index: int  # its place among the source's audio streams
    codec: str
    channels: int
    sample_rate: int
    begin: Fraction  # seconds after the source's start at which its first audible sample plays
    end: Fraction
    language: str = ""  # ISO 639-2, "" when unknown
    title: str = ""
    default: bool = False
    steady: bool = False  # its samples lie where their count from the first one on says: it can be cut


@dataclass(frozen=True)
class TextTrack:
    """One text subtitle stream of the source."""

    index: int  # its place among the source's subtitle streams
    codec: str
    language: str = ""
    title: str = ""
    default: bool = False
    forced: bool = False


@dataclass(frozen=True)
class Chapter:
    """A named stretch of a video, in seconds from its start."""

    begin: Fraction
    end: Fraction
    title: str


@dataclass(frozen=True)
class Source:
    """What the splitter found in an uploaded file."""

    container: str  # the demuxer's name
    size: int  # bytes
    start: Fraction  # seconds; the container's start time, which becomes 0 in every result
    duration: Fraction  # seconds, from the start to the end of the last shown frame
    video: VideoTrack
    audio: tuple[AudioTrack, ...] = ()
    text: tuple[TextTrack, ...] = ()
    warnings: tuple[str, ...] = ()  # sentences about what is left out, for people
    title: str = ""
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """The packets that show the source's display frames [lo, hi), as one stored object.

    The object also holds frames around that range: an earlier entry point, the guard frames after `hi`,
    context for temporal filters. Chunk time is `(pts - pts of frame 0) * time_base + LEAD seconds`.
    """

    job: str
    number: int
    key: str  # of the object in the store
    container: str  # muxer = demuxer name: mpegts, matroska, nut, mov
    lo: int
    hi: int
    guard: int  # display frames after `hi` that the object can show too
    before: int  # display frames before `lo` that it can show too (0 or more)
    size: int  # bytes
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.number:05d}"

    @property
    def frames(self) -> int:
        return self.hi - self.lo

    def piece(self, begin: int, end: int) -> Chunk:
        """The frames between two of its places: other ones of the same object."""
        lo, hi = (self.lo + place * self.frames // PLACES for place in (begin, end))
        return replace(self, lo=lo, hi=hi, guard=self.hi + self.guard - hi, before=self.before + lo - self.lo)


PLACES = 16
"""A chunk can be divided at so many places, evenly spread, the first being its beginning."""

CHUNKS = 1 << 20
"""No source has as many chunks: a task's number says which chunk it is about, and at which of its places."""


def piece_number(chunk: int, place: int) -> int:
    """Of the task that begins at a place in a chunk; the chunk's own when that is its beginning."""
    return place * CHUNKS + chunk


def piece_of(number: int) -> tuple[int, int]:
    """The chunk and the place that a number was made of."""
    place, chunk = divmod(number, CHUNKS)
    return chunk, place


def chunk_number(kind: TaskKind, number: int) -> int:
    """What people are told of a task's number: a piece has its chunk's."""
    return piece_of(number)[0] if kind is TaskKind.VIDEO else number


def piece_numbers(chunk: int) -> list[int]:
    """Of all tasks that a chunk of one rendition can have."""
    return [piece_number(chunk, place) for place in range(PLACES)]


def pieces_of(chunk: Chunk, numbers: Sequence[int]) -> list[Chunk]:
    """The stretches of a chunk that these tasks are about, which are all that there are, in order."""
    places = [piece_of(number)[1] for number in numbers]
    return [chunk.piece(begin, end) for begin, end in zip(places, [*places[1:], PLACES], strict=True)]


_TRACKS = 1000
"""No source has as many tracks: a number says which of them it is about, and which section of it."""


@dataclass(frozen=True)
class Track:
    """The packets of one audio or subtitle stream of the source, all or a section of them, as one stored object."""

    job: str
    kind: TaskKind  # AUDIO or TEXT
    index: int
    key: str
    container: str
    size: int
    sha256: str
    section: int | None = None  # its place among those that the track is cut into; None: the whole track

    @property
    def number(self) -> int:
        """What tells it, and its tasks, from others of the same kind: sections in order, after whole tracks."""
        return track_number(self.index, self.section)


def track_number(index: int, section: int | None) -> int:
    """See Track.number."""
    return index if section is None else (section + 1) * _TRACKS + index


def track_of(number: int) -> tuple[int, int | None]:
    """The index and the section that a number was made of."""
    sections, index = divmod(number, _TRACKS)
    return index, sections - 1 if sections else None


@dataclass(frozen=True)
class Part:
    """One verified delivery: what a worker made of a chunk or a track."""

    key: str
    size: int  # bytes
    sha256: str
    frames: int  # video frames, audio packets or subtitle events
    headers: str  # sha256 of the codec's parameter sets: equal in all parts of a rendition
    damaged: bool = False  # fewer frames than the chunk has, accepted by the user
    fault: str = ""  # what a decoder said of damaged pictures in the source


@dataclass(frozen=True)
class Effort:
    """What an attempt cost its worker."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    frames: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    encoder: str = ""  # FFmpeg's version and build on that worker
    joules: float = 0.0  # beyond what the device takes when it does nothing
    meter: str = ""  # how these are known: rapl, battery, meter, model; "": they are not

    @property
    def fps(self) -> float:
        return self.frames / self.wall_seconds if self.wall_seconds > 0 else 0.0


@dataclass(frozen=True)
class Energy:
    """What work took, as far as it is known: never more is said to be measured than was."""

    joules: float = 0.0
    meters: frozenset[str] = frozenset()  # how these are known: see Effort.meter
    unknown: float = 0.0  # seconds of work of which nothing is known

    @property
    def total(self) -> float | None:
        """None unless all of it is known."""
        return round(self.joules, 3) if self.meters and not self.unknown else None

    @property
    def known_by(self) -> list[str]:
        return sorted(self.meters) if self.total is not None else []

    def plus(self, joules: float, meter: str, seconds: float) -> Energy:
        if not meter:
            return Energy(self.joules, self.meters, self.unknown + seconds)
        return Energy(self.joules + joules, self.meters | {meter}, self.unknown)


class Standing(enum.Enum):
    """What an administrator wants of a worker."""

    ACTIVE = "active"
    DRAINING = "draining"  # it finishes what it has, and gets nothing new
    BANNED = "banned"  # it is sent home at once


@dataclass(frozen=True)
class Worker:
    """A machine, or a slot of one, that takes leases."""

    id: str
    name: str  # as it introduced itself
    machine: dict[str, object] = field(default_factory=dict)  # system, arch, cores, memory, ffmpeg
    local: bool = False  # started by this platform, so it is gone when the platform restarts
    seen: float = 0.0  # seconds since the epoch
    standing: Standing = Standing.ACTIVE
    label: str = ""  # what people call it; "": by its name
    registered: float = 0.0  # when it came first; 0: unknown
    paused: str = ""  # why it may not work now, as it says

    @property
    def called(self) -> str:
        return self.label or self.name

    @property
    def encoders(self) -> frozenset[str] | None:
        """FFmpeg's names of the encoders that it has; None when it does not tell."""
        told = self.machine.get("encoders")
        return frozenset(map(str, told)) if isinstance(told, list) and told else None

    def does(self, encoder: str) -> bool:
        """Whether it can do what needs this encoder ("": none)."""
        return not encoder or self.encoders is None or encoder in self.encoders
