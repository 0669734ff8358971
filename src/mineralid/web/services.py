"""What the routes share for the life of the app: identifier, tokens, the way from bytes to scores."""

from __future__ import annotations

import io
from collections.abc import Sequence

import anyio.to_thread
import numpy as np
from PIL import Image

from mineralid.identify import Identifier
from mineralid.vision import ItemScores, PhotoError, prepare
from mineralid.vision.decode import decode_picture
from mineralid.web.forms import Upload
from mineralid.web.limits import Limits
from mineralid.web.problems import Problem
from mineralid.web.tokens import Kept, TokenStore

SMALL_SIDE = 320


class Services:
    """The identifier and everything around it."""

    def __init__(self, identifier: Identifier, limits: Limits) -> None:
        self.identifier = identifier
        self.limits = limits
        self.tokens = TokenStore(limits.tokens, limits.token_seconds)

    async def score(self, photos: Sequence[Upload]) -> Kept:
        """Decode and score the photographs of one stone."""
        return await anyio.to_thread.run_sync(self._score, photos)

    def _score(self, photos: Sequence[Upload]) -> Kept:
        spec = self.identifier.bundle.spec.image
        batch, small = [], []
        for photo in photos:
            try:
                picture = decode_picture(bytes(photo.content), spec.min_side)
            except PhotoError as error:
                detail = f"photograph {photo.name}: {error.found}; {error.allowed}"
                raise Problem(415, detail, "photos") from None
            batch.append(prepare(np.asarray(picture), spec))
            picture = picture.copy()
            picture.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR)
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=80)
            small.append(stream.getvalue())
        scored = ItemScores(*self.identifier.classifier.scores(np.stack(batch)))
        return Kept(tuple(photo.name for photo in photos), scored, tuple(small))
