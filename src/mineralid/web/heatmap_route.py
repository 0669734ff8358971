"""GET /api/heatmap: where in a photograph the evidence for a mineral lies, as a picture.

The map explains the linear head: the class's weights over the network's feature map (Zhou et al.,
CVPR 2016). What a bundle adds to the scores from its gallery of training photographs compares
whole pictures and has no place in them. Computed from the small picture that a token keeps.
"""

from __future__ import annotations

import io
from typing import Annotated

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from numpy.typing import NDArray
from PIL import Image

from mineralid.identify import Identifier
from mineralid.vision import heat_map, prepare
from mineralid.vision.prepare import view_box
from mineralid.web.minerals_route import find_mineral
from mineralid.web.problems import Problem
from mineralid.web.services import Services

router = APIRouter()

# Colours from little to much evidence, light enough to be seen on grey; by hand.
_RAMP = np.array([[40, 20, 90], [150, 30, 110], [235, 90, 50], [255, 225, 90]], dtype=np.float32)
_MOST_COVER = 0.75  # of the picture, where the evidence is greatest
_GREY = 0.6  # how far the picture's own colours go, so that the map's can be told from them


@router.get("/api/heatmap")
async def heatmap(
    request: Request,
    token: Annotated[str, Query(max_length=200)],
    mineral: Annotated[str, Query(max_length=200)],
    photo: Annotated[int, Query(ge=0, le=1000)] = 0,
) -> Response:
    """A small picture of the photograph with the evidence for one of the model's minerals on it."""
    services: Services = request.app.state.services
    services.rate.check(request.client.host if request.client else None)
    kept = services.kept(token)
    if photo >= len(kept.pictures):
        count = len(kept.pictures)
        detail = f"photo is {photo}; allowed: " + (f"0 to {count - 1}" if count else "none")
        raise Problem(422, "bad-parameter", detail, "photo")
    identifier = services.identifier
    name = find_mineral(identifier.catalogue, mineral, status=422, field="mineral").name
    classes = [identifier.catalogue.find(each).name for each in identifier.bundle.classes]
    if name not in classes:
        detail = f"the model does not know {name}; allowed: {', '.join(classes)}"
        raise Problem(422, "unknown-mineral", detail, "mineral")
    with services.admission.enter():
        content = await anyio.to_thread.run_sync(
            overlay, identifier, kept.pictures[photo], classes.index(name)
        )
    return Response(content, media_type="image/png")


def overlay(identifier: Identifier, picture: bytes, class_index: int) -> bytes:
    """PNG of a small picture (JPEG) in faint colours under the map of a class."""
    spec = identifier.bundle.spec.image
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    found = identifier.classifier.feature_map(prepare(pixels, spec)[None])[0]
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(edge) for edge in view_box(width, height, spec))
    evidence = np.zeros((height, width), dtype=np.float32)
    evidence[top:bottom, left:right] = heat_map(
        found, identifier.bundle.arrays["head_weight"], class_index, (bottom - top, right - left)
    )
    stream = io.BytesIO()
    Image.fromarray(_colored(pixels, evidence)).save(stream, "PNG")
    return stream.getvalue()


def _colored(pixels: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay evidence [H, W] in 0..1 on pixels uint8 [H, W, 3]."""
    grey = pixels.mean(axis=2, keepdims=True)
    faint = _GREY * grey + (1 - _GREY) * pixels
    steps = np.linspace(0, 1, len(_RAMP))
    heat = np.stack([np.interp(evidence, steps, channel) for channel in _RAMP.T], axis=2)
    cover = _MOST_COVER * evidence[..., None]
    return (faint * (1 - cover) + heat * cover).astype(np.uint8)
