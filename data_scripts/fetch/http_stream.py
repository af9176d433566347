"""One answer of one server: the bytes of a file from some byte on, or the reason why there are none."""

import contextlib
import email.utils
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import requests

CHUNK = 1 << 18
WAIT_AT_MOST = 120.0  # seconds, however long a server asks for
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_BROKEN = (requests.RequestException, requests.exceptions.BaseHTTPError, TimeoutError, ConnectionError)


class TryLater(Exception):
    """It may work in a while; `wait` is how many seconds the server asks for, or None."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class GiveUp(Exception):
    """This address will not give the file."""


class StartOver(Exception):
    """What is here already is not the beginning of what the server has now."""


@dataclass(frozen=True)
class Stream:
    """Bytes from `start` on. `total` is the whole file's size, where it is said, `validator` its ETag or date."""

    start: int
    total: int | None
    validator: str | None
    response: requests.Response

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come, and as soon as they come: an archive that the server calls compressed stays packed.

        Raises TryLater when the connection breaks, stalls, or ends before the promised length.
        """
        try:
            while data := self.response.raw.read1(CHUNK, decode_content=False):
                yield data
        except _BROKEN as error:
            raise TryLater(_reason(error)) from error


@contextlib.contextmanager
def open_stream(
    session: requests.Session, url: str, start: int, validator: str | None, timeout: tuple[float, float]
) -> Iterator[Stream]:
    """Ask for the file from byte `start` on, provided that it is still the one with this ETag or date.

    A server that knows no ranges, or whose file has changed, gives it from the beginning: the stream's start is then 0.
    `timeout` is in seconds, to connect and between two pieces of data.
    Raises TryLater, GiveUp (the file is not there, or not for us) or StartOver (the range makes no sense there).
    """
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema) as no:
        raise GiveUp(f"not an address: {no}") from no
    except requests.TooManyRedirects as error:
        raise GiveUp("it sends from address to address in a circle") from error
    except _BROKEN as error:
        raise TryLater(_reason(error)) from error
    with response:
        yield _read_head(response, start)


def _read_head(response: requests.Response, start: int) -> Stream:
    status = response.status_code
    if status in _AGAIN:
        raise TryLater(f"the server answered {status} {response.reason}", _retry_after(response))
    if status == 416:
        raise StartOver("the server has no bytes after those that are here")
    if status not in (200, 206):
        raise GiveUp(f"the server answered {status} {response.reason}")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise GiveUp("a web page came instead of the file: perhaps the log-in page of your network")
    if status == 200:
        return Stream(0, _whole_number(response.headers.get("Content-Length")), _validator(response), response)
    place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if place is None or int(place[1]) != start:
        raise StartOver(f"the server gave {response.headers.get('Content-Range')!r} when asked from byte {start} on")
    return Stream(start, _whole_number(place[2]), _validator(response), response)


def _validator(response: requests.Response) -> str | None:
    """What If-Range may be asked with: a strong ETag, else the date."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, whether the server gives seconds or a date; None where it gives neither."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(float(text), WAIT_AT_MOST)
    moment = email.utils.parsedate_tz(text)
    return None if moment is None else min(max(email.utils.mktime_tz(moment) - time.time(), 0.0), WAIT_AT_MOST)


def _reason(error: BaseException) -> str:
    """What happened, in a few words, from what the libraries say at length."""
    text = str(error)
    known = (
        ("NameResolution|getaddrinfo|Name or service|nodename nor servname", "the name of the server cannot be found"),
        ("ProxyError|Cannot connect to proxy|407 Proxy", "the proxy does not let it through"),
        ("CERTIFICATE_VERIFY|certificate verify", "the server's certificate cannot be checked"),
        ("timed out|Timeout", "nothing came for too long"),
        ("Connection refused|actively refused", "nobody answers at that address"),
        ("IncompleteRead|broken|reset|aborted|prematurely", "the connection broke off"),
        ("unreachable", "there is no network"),
    )
    return next((words for signs, words in known if re.search(signs, text, re.IGNORECASE)), text or repr(error))
