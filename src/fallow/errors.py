"""Everything that can go wrong, by what may be done about it.

    FallowError
    ├── Rejected            the request or its input is bad: trying again cannot help
    │   ├── BadInput        a file that is no video we can encode
    │   │   └── DamagedSource   frames of the source cannot be decoded
    │   ├── BadProfile      a profile that asks for what cannot be done
    │   ├── BadSetting      a setting, flag or URL that makes no sense
    │   ├── NoFfmpeg        no FFmpeg is there, or what was named is none
    │   ├── NotFound        no such job, task, lease, object
    │   │   └── Gone            it was there, and never will be again
    │   ├── Forbidden       a missing, wrong or expired token
    │   │   └── NotAllowed      who asks is known, and may not do this
    │   ├── TooLarge        more bytes than are taken
    │   └── Conflict        the thing is in a state that does not allow this
    ├── Retryable           the attempt failed: another one, elsewhere or later, may succeed
    │   ├── TransferFailed  a short read, a dropped connection, a refused upload
    │   │   └── WrongDigest     what came is not what was sent
    │   ├── EncoderFailed   FFmpeg ended badly, or with the wrong number of frames
    │   ├── StorageFull     no space left where it is needed
    │   ├── TakenOver       somebody else goes on with it
    │   ├── BrokenPart      a stored object is not what its manifest says
    │   │   └── Misfit          a part cannot be joined to the others of its rendition
    │   ├── Unavailable     a server cannot be reached
    │   ├── SourceAway      nor the one that a source is fetched from
    │   └── TooOften        it was tried too often, or by too many at once
    └── Cancelled           somebody asked for the work to stop

The class docstring is the default message. Messages are sentences: what happened, to what, and what to do.
"""


class FallowError(Exception):
    """Something went wrong."""

    kind: str = "retryable"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Rejected(FallowError):
    """The request cannot be carried out as it is."""

    kind = "rejected"


class BadInput(Rejected):
    """The file is not a video that can be encoded."""


class DamagedSource(BadInput):
    """Some frames of the source cannot be decoded; --accept-damaged encodes the rest."""


class BadProfile(Rejected):
    """The profile asks for something that cannot be done."""

    key: str = ""  # of the profile, that it is about


class BadSetting(Rejected):
    """A setting makes no sense."""


class NoFfmpeg(Rejected):
    """There is no FFmpeg that works; install one, or name one with --ffmpeg."""


class NotFound(Rejected):
    """There is no such thing here."""


class Gone(NotFound):
    """It is not here any more."""


class Forbidden(Rejected):
    """The token is missing, wrong or expired."""


class NotAllowed(Forbidden):
    """You may not do this."""


class TooLarge(Rejected):
    """That is more than is taken here."""


class Conflict(Rejected):
    """The present state does not allow this."""


class Retryable(FallowError):
    """The attempt failed; another one may succeed."""


class TransferFailed(Retryable):
    """A transfer ended before all bytes had passed."""


class WrongDigest(TransferFailed):
    """What came is not what was sent; send it again."""


class EncoderFailed(Retryable):
    """FFmpeg did not produce what was asked for."""


class StorageFull(Retryable):
    """No space is left on the disk; free some, or name another place (FALLOW_STATE for encode, --data for up)."""


class TakenOver(Retryable):
    """Somebody else goes on with this upload; ask with HEAD how far it is."""


class BrokenPart(Retryable):
    """A stored part is not what its manifest says."""

    part: int | None = None  # the number of the video part it is about
    track: int | None = None  # or the place of the audio or text part among those joined
    rendition: str = ""  # whose part it is, where those of several are packaged together


class Misfit(BrokenPart):
    """The part cannot be joined to the others of its rendition."""


class Unavailable(Retryable):
    """The server cannot be reached."""


class SourceAway(Retryable):
    """The server that the source is fetched from cannot be reached; see whether it is there, and retry the job."""


class TooOften(Retryable):
    """This was tried too often; wait a little."""

    def __init__(self, message: str = "", seconds: float = 1.0) -> None:
        super().__init__(message)
        self.seconds = seconds  # until it may be tried again


class Cancelled(FallowError):
    """The work was cancelled."""

    kind = "cancelled"


class IllegalMove(FallowError):
    """A state was to change to one that cannot follow it."""
