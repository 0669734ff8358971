"""What the server takes, how long it waits, and how much it keeps: every limit with its default."""

from __future__ import annotations

from dataclasses import dataclass, fields

MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the app; whole numbers or seconds, all above 0. Pixels: `vision.MAX_PIXELS`.

    photo_bytes: of one photograph. request_bytes, photos: of one identification, as it is sent.
    field_bytes: of one reading or option. upload_bytes: of all requests that are being read or
    worked on, together. upload_seconds: to send a request in whole. answer_seconds: to wait for an
    answer. waiting: identifications accepted at once, being uploaded, waiting or worked on; the
    next is answered 503. decode_workers: processes that decode (None: one a core).
    decode_seconds, decode_bytes: of one photograph; decode_bytes is memory beyond what a worker
    needs anyway. score_workers: threads that run the network (None: one a core).
    score_batch: most pictures in one call. tokens, token_seconds: photographs whose results are kept
    under tokens, and how long. batches, batch_photos, batch_rows, batch_bytes, table_bytes,
    batch_upload_seconds: lists of stones kept at once, the size of one and the time to send it;
    batch_seconds: how long one is kept after its last use.
    """

    photo_bytes: int = 25 * MEBIBYTE
    request_bytes: int = 60 * MEBIBYTE
    photos: int = 8
    field_bytes: int = 4096
    upload_bytes: int = 256 * MEBIBYTE
    upload_seconds: float = 120.0
    answer_seconds: float = 60.0
    waiting: int = 128
    decode_workers: int | None = None
    decode_seconds: float = 20.0
    decode_bytes: int = 1024 * MEBIBYTE
    score_workers: int | None = None
    score_batch: int = 2
    tokens: int = 2000
    token_seconds: float = 600.0
    batches: int = 16
    batch_photos: int = 500
    batch_rows: int = 2000
    batch_bytes: int = 256 * MEBIBYTE
    table_bytes: int = 8 * MEBIBYTE
    batch_upload_seconds: float = 600.0
    batch_seconds: float = 1800.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ValueError(f"{field.name} is {value!r}; allowed: above 0")
