"""Where work comes from: the WorkSource contract, and its form over HTTPS."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin

from fallow.errors import (
    BrokenPart,
    Cancelled,
    Conflict,
    FallowError,
    Forbidden,
    NotAllowed,
    NotFound,
    Rejected,
    StorageFull,
    Unavailable,
)
from fallow.messages import (
    AGENT_HEADER,
    Calibration,
    Delivery,
    Failure,
    LeaseGrant,
    LeaseRequest,
    Receipt,
    Registration,
    Renewal,
    Renewed,
    Welcome,
    from_wire,
    to_wire,
)
from fallow.worker.connection import TIMEOUT_SECONDS, TROUBLE, connect, reason, target, title
from fallow.worker.kept import Identity
from fallow.worker.stopping import Leaving

T = TypeVar("T")

REGISTER = "agent/v1/register"
LARGEST_AGENT = 16 << 20  # bytes
PATIENCE_SECONDS = 30.0  # for any answer, beyond the time it may take by agreement


class WorkSource(Protocol):
    """Raises Unavailable when it cannot be reached, Cancelled when the lease is over, Forbidden for a bad token,
    NotAllowed when the worker was sent home."""

    def register(self, registration: Registration) -> Welcome: ...

    def calibrated(self, calibration: Calibration) -> None: ...

    def lease(self, request: LeaseRequest) -> Sequence[LeaseGrant]:
        """Wait for work as long as the request says; the grants' URLs are absolute."""
        ...

    def hang_up(self) -> None:
        """No more work is wanted: who waits for some hears soon of none, or of what was granted just now."""
        ...

    def renew(self, lease: str, renewal: Renewal) -> Renewed: ...

    def deliver(self, lease: str, delivery: Delivery) -> Receipt:
        """Raises BrokenPart when the part is refused, Conflict when the job is over."""
        ...

    def fail(self, lease: str, failure: Failure) -> None: ...


@dataclasses.dataclass(frozen=True)
class _Letter:
    """A request, and who may want no answer to it any more."""

    url: str
    body: bytes
    headers: dict[str, str]
    timeout: float
    leaving: Leaving | None


class GatewaySource:
    """The gateway's agent API. Any number of threads may call it."""

    def __init__(self, url: str, join_token: str, identity: Identity | None = None) -> None:
        self.url = url if url.endswith("/") else url + "/"
        self.agent_sha256 = ""  # of the file that this runs from, if it wants to hear of other versions
        self.heard: Callable[[str], None] = lambda sha256: None  # what version the gateway has, from then on
        self._join_token = join_token
        self._identity = identity or Identity(url, None)
        self._token = ""
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._leaving = Leaving()
        connect(self.url)  # a URL that makes no sense is noticed here

    def register(self, registration: Registration) -> Welcome:
        welcome = self._returning(registration)
        if welcome is None:
            welcome = self._typed(Welcome, REGISTER, registration, token=self._join_token)
        self._token = welcome.token
        self._identity.keep(welcome.token)
        return welcome

    def _returning(self, registration: Registration) -> Welcome | None:
        """As the worker that this agent was before; None when nobody there knows that one, or ever heard of it."""
        token, self._identity.token = self._identity.token, ""
        if token:
            try:
                return self._typed(Welcome, REGISTER, registration, token=token)
            except NotAllowed:
                raise
            except Forbidden:
                return None
            except FallowError:
                self._identity.token = token  # it is asked again
                raise
        return None

    @property
    def token(self) -> str:
        """Of this worker alone; "" before it is registered."""
        return self._token

    def archive(self) -> bytes:
        """The agent of the gateway's own version. Raises Unavailable."""
        url = urljoin(self.url, "fallow-worker.pyz")
        try:
            connection = connect(url)
            with contextlib.closing(connection):
                connection.request("GET", target(url), headers={"Authorization": f"Bearer {self._token}"})
                response = connection.getresponse()
                body = response.read(LARGEST_AGENT)
        except TROUBLE as error:
            raise Unavailable(f"{url} cannot be fetched: {reason(error)}.") from error
        if response.status != 200:
            raise Unavailable(f"{url} is answered with status {response.status}.")
        return body

    def calibrated(self, calibration: Calibration) -> None:
        self._call("agent/v1/calibration", calibration)

    def lease(self, request: LeaseRequest) -> Sequence[LeaseGrant]:
        if self._leaving.asked:
            return ()
        try:
            body = self._call("agent/v1/lease", request, request.wait_seconds + PATIENCE_SECONDS, self._leaving)
        except Unavailable:
            if self._leaving.asked:
                return ()
            raise
        if body is None:
            return ()
        grant = _decoded(LeaseGrant, body)
        return [self._absolute(one) for one in (grant, *grant.more)]

    def hang_up(self) -> None:
        self._leaving.ask()

    def _absolute(self, grant: LeaseGrant) -> LeaseGrant:
        return dataclasses.replace(
            grant,
            get_url=urljoin(self.url, grant.get_url),
            put_url=urljoin(self.url, grant.put_url),
            whole_url=urljoin(self.url, grant.whole_url) if grant.whole_url else "",
            detour_url=urljoin(self.url, grant.detour_url) if grant.detour_url else "",
            more=(),
        )

    def renew(self, lease: str, renewal: Renewal) -> Renewed:
        return self._typed(Renewed, f"agent/v1/leases/{lease}/renew", renewal)

    def deliver(self, lease: str, delivery: Delivery) -> Receipt:
        return self._typed(Receipt, f"agent/v1/leases/{lease}/deliver", delivery)

    def fail(self, lease: str, failure: Failure) -> None:
        self._call(f"agent/v1/leases/{lease}/fail", failure, timeout=5.0)

    def _typed(self, cls: type[T], path: str, message: Any, token: str = "") -> T:
        return _decoded(cls, self._call(path, message, token=token))

    def _call(
        self,
        path: str,
        message: Any,
        timeout: float = TIMEOUT_SECONDS,
        leaving: Leaving | None = None,
        token: str = "",
    ) -> Any:
        """POST a message; the decoded answer, None for an empty one."""
        headers = {"Authorization": f"Bearer {token or self._token}", "Content-Type": "application/json"}
        if self.agent_sha256:
            headers[AGENT_HEADER] = self.agent_sha256
        body = json.dumps(to_wire(message)).encode()
        try:
            status, answer = self._exchange(_Letter(urljoin(self.url, path), body, headers, timeout, leaving))
        except TROUBLE as error:
            raise Unavailable(
                f"The gateway {self.url} cannot be reached: {error or type(error).__name__}."
            ) from error
        if status >= 400:
            raise refusal(status, answer)
        return json.loads(answer) if answer and status != 204 else None

    def _exchange(self, letter: _Letter) -> tuple[int, bytes]:
        """One request, on a kept connection if there is one; when that was closed meanwhile, on a new one."""
        kept = self._take()
        if kept is not None:
            try:
                return self._ask(kept, letter)
            except (ConnectionError, http.client.BadStatusLine):
                kept.close()
                if letter.leaving and letter.leaving.asked:
                    raise
        return self._ask(connect(letter.url, letter.timeout), letter)

    def _ask(self, connection: http.client.HTTPConnection, letter: _Letter) -> tuple[int, bytes]:
        connection.timeout = letter.timeout
        if connection.sock:
            connection.sock.settimeout(letter.timeout)
        try:
            connection.request("POST", target(letter.url), letter.body, letter.headers)
            with letter.leaving.watching(connection.sock) if letter.leaving else contextlib.nullcontext():
                response = connection.getresponse()
                answer = response.read()
        except BaseException:
            connection.close()
            raise
        if told := response.getheader(AGENT_HEADER):
            self.heard(told)
        if connection.sock:
            with self._lock:
                self._idle.append(connection)
        return response.status, answer

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


def refusal(status: int, body: bytes) -> FallowError:
    """The error that an answer's status means."""
    kinds: dict[int, type[FallowError]] = {
        401: Forbidden,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: Cancelled,
        422: BrokenPart,
        429: Unavailable,
        507: StorageFull,
    }
    kind = kinds.get(status, Unavailable if status >= 500 else Rejected)
    told = title(body)
    if status == 403 and told:  # else it is somebody in between
        return NotAllowed(told)
    return kind(told or f"The gateway answered with status {status}.")


def _decoded(cls: type[T], body: Any) -> T:
    try:
        return from_wire(cls, body)
    except ValueError as error:
        raise Unavailable(f"The gateway's answer makes no sense to this worker: {error}") from error
