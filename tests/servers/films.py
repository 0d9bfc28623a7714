"""A server of files on a port of this process, which may behave badly."""

import asyncio
import contextlib
import re


class Site:
    """Has one file, under any address; what is set of it says how it behaves."""

    def __init__(self, data=b"", kind="video/mp4"):
        self.data, self.kind = data, kind
        self.tag = '"one"'  # its ETag; "": it has none, and sends no ranges
        self.told = True  # its length
        self.status = 200
        self.breaks = []  # after how many bytes the next answers are cut off
        self.to = ""  # where it redirects
        self.extra = {}  # headers
        self.halted = None  # after so many bytes it says nothing more
        self.asked = []  # the requests

    @property
    def ranges(self):
        return [(head.get("range", ""), head.get("if-range", "")) for _, head in self.asked]

    def url(self, path="/films/talk.mp4", user=""):
        return f"{self.scheme}://{user}127.0.0.1:{self.port}{path}"

    async def answer(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            head = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
            self.asked.append((lines[0], head))
            await self._answer(head, writer)
        writer.transport.abort() if self.cut else writer.close()

    async def _answer(self, head, writer):
        self.cut, begin, status, headers = False, 0, self.status, {"Content-Type": self.kind, **self.extra}
        if self.to:
            status, headers = 302, {"Location": self.to}
        if self.tag:
            headers |= {"ETag": self.tag, "Accept-Ranges": "bytes"}
        asked = re.match(r"bytes=(\d+)-", head.get("range", ""))
        if asked and self.tag and head.get("if-range") == self.tag:
            begin = int(asked[1])
            status = 206 if begin < len(self.data) else 416
            last = f"{begin}-{len(self.data) - 1}" if status == 206 else "*"
            headers["Content-Range"] = f"bytes {last}/{len(self.data)}"
        body = self.data[begin:] if status in (200, 206) else b""
        if self.told:
            headers["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode())
        upto = self.breaks.pop(0) if self.breaks else None
        self.cut = upto is not None
        writer.write(body[: self.halted if upto is None else upto])
        await writer.drain()
        if self.halted is not None:
            await asyncio.Event().wait()
        if self.cut:
            await asyncio.sleep(0.05)  # so that what was sent before arrives


@contextlib.asynccontextmanager
async def site(*arguments, ssl=None):
    made = Site(*arguments)
    made.cut, made.scheme = False, "https" if ssl else "http"
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0, ssl=ssl)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
