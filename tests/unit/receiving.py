"""Who is called by webhooks: a server that keeps what it gets, and answers as it is told to."""

import asyncio
import contextlib
import json
from dataclasses import dataclass


@dataclass
class Received:
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """Answers with what stands in `answers`, in turn, then with 204: a status, or what is sent as it is."""

    def __init__(self):
        self.got, self.answers, self.url = [], [], ""
        self.came = asyncio.Event()  # set with each request
        self.patient = asyncio.Event()  # is waited for by the answer b""
        self._at = set()

    async def serve(self, reader, writer):
        self._at.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.got.append(Received(lines[0].split(" ")[1], headers, body))
            self.came.set()
            answer = self.answers.pop(0) if self.answers else 204
            if answer == b"":
                await self.patient.wait()
            raw = f"HTTP/1.1 {answer} So\r\n\r\n".encode() if isinstance(answer, int) else answer
            writer.write(raw)
            await writer.drain()

    async def end(self):
        for task in self._at:
            task.cancel()
        await asyncio.gather(*self._at, return_exceptions=True)


@contextlib.asynccontextmanager
async def receiving(tls=None):
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    receiver.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield receiver
    server.close()
    await receiver.end()
