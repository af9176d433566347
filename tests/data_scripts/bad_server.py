"""A web server on this machine that behaves as badly as it is told to, request by request."""

import contextlib
import http.server
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

PIECE = 1 << 14


@dataclass
class Zeros:
    """So many zeros, without the memory for them."""

    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: slice) -> bytes:
        return bytes(len(range(*place.indices(self.size))))


@dataclass
class Page:
    """A file on the server, and how it is given. `faults` are taken one a request; then all is well."""

    body: bytes | Zeros
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    pace: float = 0.0  # seconds after every piece
    piece: int = PIECE


class BadServer(http.server.ThreadingHTTPServer):
    """Serves `pages` by path; `asked` lists (path, Range header, what was done)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str | None, str]] = []
        self.dice = random.Random(0)
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        """A client that was killed is no error here."""


@contextlib.contextmanager
def bad_server() -> Iterator[BadServer]:
    server = BadServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


FAULTS = (
    *("cut", "cut_early", "stall", "long", "short", "wrong", "wrong_tail", "no_range", "false_range", "old_range"),
    *("404", "500", "503", "503_wait", "429", "416", "redirect", "circle", "reset", "no_length", "no_length_cut"),
    *("chunked", "chunked_cut", "web_page"),
)


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        page = self.server.pages.get(self.path.partition("?")[0])
        fault = "404" if page is None else page.faults.pop(0) if page.faults else "well"
        self.server.asked.append((self.path, self.headers.get("Range"), fault))
        if fault[:3].isdecimal():
            return self._status(int(fault[:3]), page, "0.01" if fault.endswith("wait") else None)
        if fault == "redirect":
            return self._status(302, page, location=f"{self.path}?again")
        if fault == "circle":
            page.faults.insert(0, "circle" if len(self.server.asked) % 40 else "well")
            return self._status(302, page, location=self.path)
        if fault == "reset":
            self.close_connection = True
            return None
        if fault == "web_page":
            return self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
        return self._give(page, fault)

    def _status(self, status: int, page: Page | None, wait: str | None = None, location: str | None = None):
        extra = {"Retry-After": "1"} if wait else {}
        if location:
            extra["Location"] = location
        if status == 416 and page:
            extra["Content-Range"] = f"bytes */{len(page.body)}"
        self._send(status, b"<html>no</html>", {"Content-Type": "text/html", **extra})

    def _send(self, status: int, body: bytes, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _start(self, page: Page, fault: str) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not page.ranges or fault == "no_range":
            return 0
        condition = self.headers.get("If-Range")
        return 0 if condition and condition not in (page.etag, page.modified) else int(asked[1])

    def _give(self, page: Page, fault: str):
        start, total, body = self._start(page, fault), len(page.body), page.body
        if start >= total > 0:
            return self._status(416, page)
        dice = self.server.dice
        says = start + 1 if fault == "false_range" and start else start
        first = 0 if fault == "old_range" else says  # an old range says one place and gives another
        length = total - start
        end = {"cut": start + dice.randrange(length + 1), "cut_early": start + min(length, 10)}.get(fault, total)
        if fault in ("stall", "no_length_cut", "chunked_cut", "long", "short"):
            end = start + dice.randrange(length + 1)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {says}-{total - 1}/{total}")
        if page.etag:
            self.send_header("ETag", page.etag)
        if page.modified:
            self.send_header("Last-Modified", page.modified)
        for name, value in page.headers.items():
            self.send_header(name, value)
        chunked = fault.startswith("chunked")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not fault.startswith("no_length"):
            says = {"long": length + 1000, "short": end - start}.get(fault, length)
            self.send_header("Content-Length", str(says))
            end = total if fault == "long" else end
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self._pieces(page, body, range(first, end, page.piece), end, fault, chunked)
        if fault == "stall":
            self.server.closing.wait(1.0)
        elif chunked and fault != "chunked_cut":
            self.wfile.write(b"0\r\n\r\n")

    def _pieces(self, page: Page, body, places: range, end: int, fault: str, chunked: bool):
        middle = len(body) // 2
        for place in places:
            piece = body[place : min(place + page.piece, end)]
            if fault == "wrong" or (fault == "wrong_tail" and place >= middle):
                piece = bytes(byte ^ 0x55 for byte in piece)
            if chunked and piece:
                piece = b"%x\r\n%s\r\n" % (len(piece), piece)
            self.wfile.write(piece)
            if page.pace:
                time.sleep(page.pace)
