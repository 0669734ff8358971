"""The OpenAPI document: what it says is what the server does, and schemathesis finds no error."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="the web app's test client is not installed")

from mineralid.web.app import create_app
from mineralid.web.rates import Rate

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_address_of_the_api_is_in_it(client: TestClient, document: dict[str, Any]) -> None:
    from fastapi.routing import APIRoute

    routes = {
        (route.path, method.lower())
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, APIRoute) and route.path.startswith("/api/")
        for method in route.methods
    }
    described = {(path, method) for path, method, _ in operations(document)}
    assert described >= routes
    assert len(described) == 13


def test_every_problem_is_described_as_one(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["description"], path
        for status, response in operation["responses"].items():
            problem = int(status) >= 400
            assert (list(response.get("content", {})) == ["application/problem+json"]) == problem
            if problem:
                content = response["content"]["application/problem+json"]
                assert content["schema"]["$ref"].endswith("/ProblemBody")
                assert content["example"]["status"] == int(status)
        sends = method == "post"
        assert ("requestBody" in operation) == sends
        assert {"400", "408", "413", "415", "422", "429", "503"} <= set(
            operation["responses"]
        ) or not sends


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    known = set(document["components"]["schemas"])
    used = {piece.split('"')[0] for piece in text.split("#/components/schemas/")[1:]}
    assert used == known


def test_examples_are_answered_as_they_say(client: TestClient, document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/identify"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]
    example = form["examples"]["readings"]["value"]
    assert set(example) <= set(form["schema"]["properties"])
    response = client.post("/api/identify", data={**example, "top": "3"})
    assert (
        response.json() == operation["responses"]["200"]["content"]["application/json"]["example"]
    )


def test_its_forms_name_every_field_that_is_read(
    client: TestClient, document: dict[str, Any]
) -> None:
    for path in ("/api/identify", "/api/batch"):
        form = document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]
        refused = client.post(path, data={"x": "1"}).json()["detail"]
        assert set(refused.split("known: ")[1].split(", ")) == set(form["schema"]["properties"])


EXAMPLES = 20  # of each operation, right and wrong: about half a minute in all


@pytest.mark.filterwarnings("default")
def test_schemathesis_finds_no_error(tiny: Any) -> None:
    """Questions made from the document, right and wrong ones: every answer is one that it names."""
    schemathesis = pytest.importorskip(
        "schemathesis", reason="the web app's test client is not installed"
    )
    from hypothesis import HealthCheck, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    app = create_app(tiny, rate=Rate(None), decode_workers=1, upload_seconds=5.0)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried: set[str] = set()
    answered: Counter[int] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            response = case.call_and_validate(
                checks=[
                    not_a_server_error,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ]
            )
            answered[response.status_code] += 1

        for mode in schemathesis.GenerationMode:
            # An operation without parameters cannot be asked wrongly.
            with contextlib.suppress(Unsatisfiable):
                given(case=operation.as_strategy(generation_mode=mode))(ask)()
        tried.add(operation.label)
    assert len(tried) == 13
    assert sum(answered.values()) > 300
    assert answered[200] > 50 and answered[422] > 50
