"""The names of a job's objects. Whatever an attempt makes bears the attempt's name, so that none meets another."""

from __future__ import annotations

from fallow.model import TaskKind
from fallow.records import TaskSpec

_ENDINGS = {"mpegts": "ts", "matroska": "mkv", "nut": "nut", "mov": "mov", "mp4": "mp4", "csv": "csv"}
_CONTAINERS = {ending: container for container, ending in _ENDINGS.items()}


def of_job(job: str) -> str:
    """The prefix of everything that belongs to a job."""
    return f"jobs/{job}/"


def job_of(key: str) -> str:
    return key.split("/")[1] if key.startswith("jobs/") and key.count("/") > 1 else ""


def source(job: str) -> str:
    return f"jobs/{job}/source"


def uploads(job: str) -> str:
    """The prefix of a source that is, or was, uploaded."""
    return f"jobs/{job}/upload/"


def piece(job: str, upload: str, offset: int, size: int, sha256: str) -> str:
    return f"{uploads(job)}{upload}/{offset:015d}-{size}-{sha256}"


def upload_of(key: str) -> str:
    """The upload that a piece is of; "" for what is no piece."""
    pieces = key.split("/")
    return pieces[3] if len(pieces) == 5 and key.startswith(uploads(pieces[1])) else ""


def whole(job: str) -> str:
    """Is there when an upload is whole, and says which one."""
    return f"{uploads(job)}whole"


def is_source(key: str) -> bool:
    """Whether an object is a job's source, or a part of it."""
    job = job_of(key)
    return key == source(job) or key.startswith(uploads(job))


def resumable(job: str) -> str:
    """The prefix of what is known of an upload that can be resumed, beside its pieces."""
    return f"jobs/{job}/resumable/"


def declared(job: str) -> str:
    """What was said of an upload when it was begun."""
    return f"{resumable(job)}declared"


def turns(job: str, upload: str) -> str:
    """The prefix of the turns of those who go on with an upload: the last one counts."""
    return f"{resumable(job)}{upload}/"


def draft(job: str, lease: str) -> str:
    return f"jobs/{job}/drafts/{lease}"


def index(job: str) -> str:
    return f"jobs/{job}/index"


def chunk(job: str, number: int, lease: str, container: str) -> str:
    return f"jobs/{job}/chunks/{number:05d}.{lease}.{_ENDINGS.get(container, container)}"


def track(job: str, name: str, lease: str, container: str) -> str:
    return f"jobs/{job}/tracks/{name}.{lease}.{_ENDINGS.get(container, container)}"


def part(spec: TaskSpec, lease: str, container: str) -> str:
    folder = spec.rendition if spec.kind is TaskKind.VIDEO else f"{spec.kind.value}-{spec.rendition}"
    return f"jobs/{spec.job}/parts/{folder}/{spec.number:05d}.{lease}.{_ENDINGS.get(container, container)}"


def result(job: str, rendition: str, lease: str, container: str) -> str:
    return f"jobs/{job}/results/{rendition}.{lease}.{_ENDINGS.get(container, container)}"


def file(job: str, lease: str, name: str) -> str:
    """A file of a result of many, as made by that attempt."""
    return f"jobs/{job}/results/{lease}/{name}"


def texts(job: str, lease: str, number: int) -> str:
    """What players of a result are told since that step."""
    return f"jobs/{job}/results/{lease}/texts/{number:06d}"


def container_of(key: str) -> str:
    ending = key.rpartition(".")[2]
    return _CONTAINERS.get(ending, ending)


def lease_of(key: str) -> str:
    """The attempt that made an object; "" for what no attempt made."""
    pieces = key.rpartition("/")[2].split(".")
    return pieces[-2] if len(pieces) > 2 else ""
