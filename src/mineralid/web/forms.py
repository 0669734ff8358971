"""Read a form into memory with a bound on everything: bytes, parts, names, time.

Starlette's own reader spools files to the disk beyond a mebibyte and has no bound on a file; this
one keeps uploads in memory, where they go with the request, and stops at the first byte too many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import anyio
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from mineralid.web.problems import Problem

MULTIPART, URLENCODED = b"multipart/form-data", b"application/x-www-form-urlencoded"
_HEADER_BYTES = 4096  # of one part
_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form: its name as the client gave it, and its bytes."""

    name: str
    content: bytearray


@dataclass(frozen=True, kw_only=True, slots=True)
class FormRules:
    """What a form may hold.

    texts, files: names of fields with text and with files. request_bytes: of the whole body;
    file_bytes: of one file, by field; text_bytes: of one text; files_allowed: how many, by field.
    seconds: for the whole body to arrive.
    """

    texts: frozenset[str]
    files_allowed: dict[str, int]
    file_bytes: dict[str, int]
    request_bytes: int
    text_bytes: int
    seconds: float

    def known(self) -> str:
        """The names of the fields, for messages."""
        return ", ".join((*self.files_allowed, *sorted(self.texts)))


@dataclass(slots=True)
class Form:
    """A form as read. files: of each field, in the order sent."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)


async def read_form(request: Request, rules: FormRules, reserve: Callable[[int], None]) -> Form:
    """Read and check the body of a request.

    reserve: called with numbers of bytes before they are kept; may raise a Problem. Raises Problem:
    400 malformed or broken off, 408 too slow, 413 too large or too many, 415 another kind of body,
    422 an unknown, repeated or unreadable field.
    """
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdecimal() and int(declared) > rules.request_bytes:
        raise _too_large(rules, f"the request declares {_size(int(declared))}")
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    reader: _Multipart | _Urlencoded
    if kind == MULTIPART:
        reader = _Multipart(rules, options)
    elif kind in (URLENCODED, b""):
        reader = _Urlencoded(rules)
    else:
        raise Problem(
            415,
            "wrong-body",
            f"the body is {_shown(kind)}; allowed: {MULTIPART.decode()}, {URLENCODED.decode()}",
            "body",
        )
    total = 0
    try:
        with anyio.fail_after(rules.seconds):
            async for chunk in request.stream():
                total += len(chunk)
                if total > rules.request_bytes:
                    raise _too_large(rules, f"the request is larger than {_size(total - 1)}")
                reserve(len(chunk))
                reader.write(chunk)
    except TimeoutError:
        raise Problem(
            408,
            "slow-upload",
            f"the request did not arrive in {rules.seconds:g} seconds ({_size(total)} did)",
            reader.last_field,
        ) from None
    except ClientDisconnect:
        raise Problem(400, "malformed", "the request broke off", "body") from None
    if not total:
        return Form()
    if not kind:
        raise Problem(
            415,
            "wrong-body",
            f"the body has no Content-Type; allowed: {MULTIPART.decode()}",
            "body",
        )
    return reader.finished()


class _Multipart:
    """Builds a form from the pieces of a multipart body."""

    def __init__(self, rules: FormRules, options: dict[bytes, bytes]) -> None:
        self.form = Form()
        self.last_field = "body"
        self._rules = rules
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._content = bytearray()
        self._limit = 0
        self._filename: str | None = None
        if not options.get(b"boundary"):
            raise Problem(
                400, "malformed", "the Content-Type of the body names no boundary", "body"
            )
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_part_end": self._part_ends,
                    "on_end": self._ends,
                },
            )
        except FormParserError as error:
            raise Problem(400, "malformed", f"the boundary of the body: {error}", "body") from None

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem(
                400, "malformed", f"the body is no well-formed multipart: {error}", "body"
            ) from None

    def finished(self) -> Form:
        if not self._ended:
            raise Problem(
                400, "malformed", "the body ends before its closing boundary", self.last_field
            )
        return self.form

    def _part_begins(self) -> None:
        self._headers = {}
        self._name.clear()
        self._value.clear()
        self._content = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        kept = sum(len(k) + len(v) for k, v in self._headers.items())
        if kept + len(self._name) + len(self._value) > _HEADER_BYTES:
            raise Problem(
                400, "malformed", f"headers of a part have over {_HEADER_BYTES} bytes", "body"
            )

    def _header_ends(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise Problem(400, "malformed", "a part has no name in its Content-Disposition", "body")
        name = options[b"name"].decode("utf-8", "replace")
        rules = self._rules
        filename = options.get(b"filename")
        self._filename = None if filename is None else _filename(filename)
        if name in rules.files_allowed:
            self.last_field = name
            if filename is None:
                raise Problem(
                    422, "bad-field", f"{name} is text; allowed: a file with its name", name
                )
            sent = self.form.files.setdefault(name, [])
            if len(sent) >= rules.files_allowed[name]:
                raise Problem(
                    413, "too-large", f"more than {rules.files_allowed[name]} files in {name}", name
                )
            self._limit = rules.file_bytes[name]
        elif name in rules.texts:
            self.last_field = name
            if filename is not None:
                raise Problem(422, "bad-field", f"{name} is a file; allowed: text", name)
            _check_once(self.form, name)
            self._limit = rules.text_bytes
        else:
            raise _unknown(rules, name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if len(self._content) + end - start > self._limit:
            what = self.last_field if self._filename is None else f"file {self._filename!r}"
            raise Problem(
                413, "too-large", f"{what} has over {_size(self._limit)}", self.last_field
            )
        self._content += memoryview(data)[start:end]

    def _part_ends(self) -> None:
        if self._filename is None:
            self.form.texts[self.last_field] = _text(bytes(self._content), self.last_field)
        # A form whose file field was left empty sends a part without name and content.
        elif self._filename or self._content:
            upload = Upload(self._filename or "(no name)", self._content)
            self.form.files[self.last_field].append(upload)
        self._content = bytearray()

    def _ends(self) -> None:
        self._ended = True


class _Urlencoded:
    """Builds a form of texts from an urlencoded body."""

    def __init__(self, rules: FormRules) -> None:
        self.last_field = "body"
        self._rules = rules
        self._body = bytearray()

    def write(self, chunk: bytes) -> None:
        most = self._rules.text_bytes * len(self._rules.texts)
        if len(self._body) + len(chunk) > most:
            raise Problem(
                413,
                "too-large",
                f"the form has over {_size(most)}; photographs go by multipart",
                "body",
            )
        self._body += chunk

    def finished(self) -> Form:
        form = Form()
        for pair in filter(None, bytes(self._body).split(b"&")):
            key, _, value = pair.replace(b"+", b" ").partition(b"=")
            name = unquote_to_bytes(key).decode("utf-8", "replace")
            if name in self._rules.files_allowed:
                detail = f"{name} is text; allowed: files, by {MULTIPART.decode()}"
                raise Problem(422, "bad-field", detail, name)
            if name not in self._rules.texts:
                raise _unknown(self._rules, name)
            _check_once(form, name)
            content = unquote_to_bytes(value)
            if len(content) > self._rules.text_bytes:
                raise Problem(
                    413, "too-large", f"{name} has over {_size(self._rules.text_bytes)}", name
                )
            form.texts[name] = _text(content, name)
        return form


def _check_once(form: Form, name: str) -> None:
    if name in form.texts:
        raise Problem(422, "bad-field", f"{name} is given more than once; allowed: once", name)


def _unknown(rules: FormRules, name: str) -> Problem:
    return Problem(
        422, "bad-field", f"unknown field {name[:80]!r}; known: {rules.known()}", name[:80]
    )


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(422, "bad-field", f"{name} is no UTF-8 text", name) from None


def _filename(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:_NAME_CHARACTERS]


def _too_large(rules: FormRules, what: str) -> Problem:
    return Problem(413, "too-large", f"{what}; allowed: up to {_size(rules.request_bytes)}", "body")


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _shown(kind: bytes) -> str:
    return repr(kind[:80].decode("latin-1"))
