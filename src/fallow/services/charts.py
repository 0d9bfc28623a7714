"""The maps of jobs that are looked at again and again: of each look, only what may have changed is read."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fallow.model import TaskState, piece_of
from fallow.overview import Cell, Moves
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of
from fallow.records import Job

REMEMBERED = 20  # jobs
OLD = 600.0  # seconds after which a map is read anew
MARGIN = 30.0  # seconds that the clocks of those who end attempts may differ by
NOT_CUT = "."
LETTERS = {
    TaskState.PLANNED.value: "pr",  # the second is of what is planned again after a failure
    TaskState.QUEUED.value: "q",
    TaskState.LEASED.value: "l",
    TaskState.DONE.value: "d",
    TaskState.DEAD.value: "x",
}
FIRST = "xlqrpd"
"""The letter of a chunk whose pieces have several is the first of these."""

_STATES = {letter: state for state, letters in LETTERS.items() for letter in letters}
_BUSY = (TaskState.QUEUED.value, TaskState.LEASED.value, TaskState.DEAD.value)


@dataclass
class Chart:
    """The map of a job as it was when it was looked at."""

    chunks: int
    letters: dict[str, str]
    crew: list[str]
    at: dict[tuple[str, int], tuple[int, float]]


@dataclass
class _Map:
    """A job's map as it is known."""

    at: float  # when it was looked at
    letters: dict[str, bytearray] = field(default_factory=dict)
    pieces: dict[tuple[str, int], dict[int, str]] = field(default_factory=dict)  # letters of divided chunks' tasks
    busy: dict[tuple[str, int], Cell] = field(default_factory=dict)
    crew: list[str] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The highest number that all renditions have."""
        return min((len(row) for row in self.letters.values()), default=0) - 1

    def put(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            chunk, place = piece_of(cell.number)
            row = self.letters.setdefault(cell.rendition, bytearray())
            row.extend(NOT_CUT.encode() * (chunk + 1 - len(row)))
            letter = LETTERS[cell.state][-1 if cell.failed else 0]
            if place or (cell.rendition, chunk) in self.pieces:
                first = {0: chr(row[chunk])} if row[chunk] != ord(NOT_CUT) else {}
                pieces = self.pieces.setdefault((cell.rendition, chunk), first)
                pieces[place] = letter
                letter = min(pieces.values(), key=FIRST.index)
            row[chunk] = ord(letter)
            if cell.state in _BUSY:
                self.busy[cell.rendition, cell.number] = cell

    def move(self, moves: Moves) -> None:
        """What was busy and is not, nor has an attempt that ended, waits again as before."""
        before, self.busy = self.busy, {}
        self.put(cell._replace(state=TaskState.PLANNED.value) for cell in before.values())
        self.put(moves.cells)

    def agrees(self, counts: Mapping[str, int]) -> bool:
        found: Counter[str] = Counter()
        for row in self.letters.values():
            for state, letters in LETTERS.items():
                found[state] += sum(row.count(one.encode()) for one in letters)
        for (rendition, chunk), pieces in self.pieces.items():
            found[_STATES[chr(self.letters[rendition][chunk])]] -= 1
            found.update(_STATES[letter] for letter in pieces.values())
        return found == Counter(counts)  # which takes what is missing as 0


class Charts:
    """Makes maps, and remembers some."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._known: OrderedDict[str, _Map] = OrderedDict()
        self._turn = asyncio.Lock()

    async def of(self, job: Job) -> Chart:
        """The map as it is now."""
        async with self._turn:
            known = await self._moved(job) or await self._read(job)
            self._known[job.id] = known
            self._known.move_to_end(job.id)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return _chart(job, known)

    async def _read(self, job: Job) -> _Map:
        # The crew comes last: whoever is at a cell is among them.
        known = _Map(self._ctx.clock.now())
        known.put(await self._ctx.ledger.cells(job.id))
        known.crew = await self._ctx.ledger.crew(job.id)
        return known

    async def _moved(self, job: Job) -> _Map | None:
        """None when what is known of it does not lead to what is."""
        known, now = self._known.get(job.id), self._ctx.clock.now()
        if known is None or not known.letters or now - known.at > OLD:
            return None
        moves = await self._ctx.ledger.moves(job.id, known.at - MARGIN, list(known.letters), known.last)
        known.move(moves)
        if not known.agrees(moves.counts):
            return None
        known.at = now
        if {cell.worker for cell in moves.cells if cell.worker} - set(known.crew):
            known.crew = await self._ctx.ledger.crew(job.id)
        return known


def drawn(job: Job, cells: Iterable[Cell], crew: Sequence[str]) -> Chart:
    """Of all cells."""
    known = _Map(0.0, crew=list(crew))
    known.put(cells)
    return _chart(job, known)


def _chart(job: Job, known: _Map) -> Chart:
    chunks = max([_expected(job), *(len(row) for row in known.letters.values())])
    names = [rendition.name for rendition in job.renditions]
    letters = {name: known.letters.get(name, bytearray()).decode().ljust(chunks, NOT_CUT) for name in names}
    places = {worker: place for place, worker in enumerate(known.crew)}
    at = {
        (cell.rendition, piece_of(cell.number)[0]): (places[cell.worker], _share(cell))
        for cell in known.busy.values()
        if cell.state == TaskState.LEASED.value and cell.worker in places and cell.rendition in letters
    }
    return Chart(chunks, letters, list(known.crew), at)


def _share(cell: Cell) -> float:
    return round(min(1.0, cell.done_frames / cell.frames), 3) if cell.frames else 0.0


def _expected(job: Job) -> int:
    """Chunks that a source will have that is not cut yet, if they are as long as they should be."""
    if job.source is None or job.state.value != "splitting":
        return 0
    return int(-(-float(job.source.duration) // options_of(job).chunk_target))
