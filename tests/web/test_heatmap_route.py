"""Where the evidence lies: a picture of the photograph, lit where the class's map says."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from web_cases import Draw

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.identify import Identifier
from mineralid.vision import heat_map, prepare
from mineralid.web.heatmap_route import _colored, overlay

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def wide() -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((60, 40)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def token(client: TestClient, draw: Draw) -> str:
    files = [("photos", ("a.png", draw(1, size=400, form="PNG"))), ("photos", ("b.jpg", wide()))]
    found: str = client.post("/api/identify", files=files).json()["token"]
    return found


def test_a_picture_of_each_photograph(client: TestClient, token: str) -> None:
    # As large as decoding left them: no smaller than the network wants (32 pixels, this one).
    for photo, size in ((0, (50, 50)), (1, (60, 40))):
        asked = {"token": token, "mineral": "Pyrite", "photo": photo}
        response = client.get("/api/heatmap", params=asked)
        assert response.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(response.content)) as picture:
            assert (picture.format, picture.size) == ("PNG", size)


@pytest.mark.parametrize(
    ("asked", "kind", "field", "message"),
    [
        ({"token": "x"}, "unknown-token", "token", "send the photographs again"),
        ({"mineral": "pyrrite"}, "unknown-mineral", "mineral", "did you mean Pyrite"),
        ({"mineral": "Topaz"}, "unknown-mineral", "mineral", "the model does not know Topaz"),
        ({"mineral": "x" * 201}, "bad-parameter", "mineral", ""),
        ({"photo": 2}, "bad-parameter", "photo", "photo is 2; allowed: 0 to 1"),
        ({"photo": -1}, "bad-parameter", "photo", ""),
        ({"photo": "x"}, "bad-parameter", "photo", ""),
        ({"token": None}, "bad-parameter", "token", "Field required"),
    ],
)
def test_what_has_no_map(
    client: TestClient, token: str, asked: dict[str, Any], kind: str, field: str, message: str
) -> None:
    whole = {"token": token, "mineral": "Pyrite", **asked}
    response = client.get("/api/heatmap", params={k: v for k, v in whole.items() if v is not None})
    body = response.json()
    assert (response.status_code, body["type"], body["field"]) == (422, f"/problems/{kind}", field)
    assert message in body["detail"]


def test_the_map_lies_where_the_network_looked(shipped: Identifier, draw: Draw) -> None:
    """Outside the central crop nothing is lit; inside it is the map of what was there."""
    stone = Image.open(io.BytesIO(draw(0, size=240))).crop((0, 60, 240, 180))
    stream = io.BytesIO()
    stone.save(stream, "JPEG", quality=95)
    kept = np.asarray(Image.open(io.BytesIO(stream.getvalue())))
    pyrite = shipped.bundle.classes.index("Pyrite")
    with Image.open(io.BytesIO(overlay(shipped, stream.getvalue(), pyrite))) as picture:
        shown = np.asarray(picture).astype(float)
    spec = shipped.bundle.spec.image
    assert spec.fit == "crop"
    side = 120 * spec.crop_fraction
    left, right = round((240 - side) / 2), round((240 + side) / 2)
    top, bottom = round((120 - side) / 2), round((120 + side) / 2)
    unlit = _colored(kept, np.zeros((120, 240), dtype=np.float32)).astype(float)
    outside = np.ones((120, 240), dtype=bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(shown[outside], unlit[outside])
    features = shipped.classifier.feature_map(prepare(kept, spec)[None])[0]
    head = shipped.bundle.arrays["head_weight"]
    expected = heat_map(features, head, pyrite, (bottom - top, right - left))
    assert expected.max() == 1
    lit = np.abs(shown - unlit).sum(2)[top:bottom, left:right]
    assert lit[expected == 0].max(initial=0) == 0
    assert lit[expected > 0.9].mean() > 50
