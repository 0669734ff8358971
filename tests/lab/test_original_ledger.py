"""The ledger of parameters: the published figures, counted from modules that hold no numbers."""

from __future__ import annotations

import importlib.util
import json

import pytest

from mineralid.lab.network.dmib import DmibParts
from mineralid.lab.original.codes import CASES
from mineralid.lab.original.ledger import BOTTLENECKS, HEADS, Ledger, ledger
from mineralid.lab.original.networks import build_case, build_student
from mineralid.lab.original.recipe import (
    Dmib,
    OriginalRecipe,
    Ssf,
    Student,
    original,
    original_small,
    smoke,
)

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers, for ResNet"
)


@pytest.fixture(scope="module")
def published() -> Ledger:
    return ledger(original())


@needs_transformers
def test_the_published_figures(published: Ledger) -> None:
    assert published.encoder == 23_581_796
    parts = {part.name: (part.each, part.times) for part in published.published.parts}
    assert parts == {
        "scale and shift": (8_192, 1),
        "test encoder": (3_024, 1),
        "clean head": (75_060, 7),
        "error head": (75_060, 7),
        "bottleneck": (1_069_348, 1),
        "bottleneck, photograph alone": (1_050_880, 1),
        "error head, photograph alone": (73_764, 1),
    }
    added = published.published
    assert added.parameters == 3_256_048
    assert published.percent(added) == pytest.approx(13.8, abs=0.05)
    assert (added.modules(BOTTLENECKS), added.modules(HEADS)) == (2, 15)
    shares = {"bottlenecks": 65, "heads": 34.5, "scale and shift": 0.25}
    for group, percent in shares.items():
        found = 100 * added.of_group(group) / added.parameters
        assert found == pytest.approx(percent, abs=0.15)


@needs_transformers
def test_one_network_for_all_eight_cases(published: Ledger) -> None:
    without, behind = published.unified, published.unified_bottleneck
    assert without.parameters == 8_192 + 78_888
    assert published.percent(without) < 2
    assert behind.parameters == 8_192 + 1_223_296
    assert without.modules(BOTTLENECKS) == 0
    assert behind.modules(BOTTLENECKS) == 1


@needs_transformers
@pytest.mark.parametrize("tests", ["none", "streak", "any"])
def test_it_is_of_all_cases_whatever_the_recipes_own(published: Ledger, tests: str) -> None:
    assert ledger(original().model_copy(update={"tests": tests})) == published


@pytest.mark.parametrize(
    "recipe",
    [
        original_small(),
        smoke(),
        smoke().model_copy(update={"ssf": Ssf(epochs=1, placement="affine", kind="bias")}),
        smoke().model_copy(update={"ssf": Ssf(epochs=1, placement="none", test_encoder="shared")}),
        smoke().model_copy(update={"dmib": Dmib(epochs=1, parts=DmibParts(view_classifiers=True))}),
    ],
)
@pytest.mark.parametrize("classes", [2, 36])
def test_it_counts_the_networks_that_are_trained(recipe: OriginalRecipe, classes: int) -> None:
    """Each case's own count is that of its network, built with numbers."""
    counted = ledger(recipe, classes)
    student = build_student(recipe, classes, pretrained=False)
    assert counted.encoder == sum(p.numel() for p in student.parameters())
    whole = {}
    for tests in (*map(str, CASES), "any"):
        if tests == "any" and recipe.dmib.dynamic:
            continue
        network = build_case(recipe.model_copy(update={"tests": tests}), classes)
        of_head = sum(p.numel() for p in network.head.parameters())
        if tests == "none":
            of_head -= sum(p.numel() for p in network.fc.parameters())
        of_taps = sum(
            p.numel() for a in network.backbone.adapters().values() for p in a.parameters()
        )
        whole[tests] = (of_taps, of_head)
    taps, head = whole["hardness,luster,streak"]
    parts = {part.name: part for part in counted.published.parts}
    once = [parts[name].each for name in parts if "alone" not in name and name != "scale and shift"]
    assert sum(once) == head
    assert (parts["scale and shift"].each if taps else 0) == taps
    alone = sum(part.parameters for name, part in parts.items() if "alone" in name)
    assert whole["none"] == (0, alone)
    if "any" in whole:
        assert counted.unified_bottleneck.parameters == sum(whole["any"])


def test_the_dynamic_bottleneck_is_each_cases_own() -> None:
    recipe = smoke().model_copy(
        update={"dmib": Dmib(epochs=1, parts=DmibParts(bottleneck=True, feature_gate=True))}
    )
    counted = ledger(recipe)
    names = {part.name: part.times for part in counted.published.parts}
    assert names["dynamic bottleneck"] == 7
    assert names["dynamic bottleneck, photograph alone"] == 1
    assert "error head" not in names


def test_numbers_of_classes_and_backbones_that_are_refused() -> None:
    with pytest.raises(ValueError, match="classes is 0"):
        ledger(smoke(), 0)
    with pytest.raises(ValueError, match="backbone is 'resnet-51'"):
        ledger(smoke().model_copy(update={"student": Student(epochs=1, backbone="resnet-51")}))


@needs_transformers
def test_the_table(published: Ledger) -> None:
    lines = published.text().splitlines()
    assert max(map(len, lines)) <= 80
    (total,) = [line.split() for line in lines if "3,256,048" in line]
    assert total == ["sum", "3,256,048", "13.8", "%", "100", "%"]
    told = {" ".join(line.split()) for line in lines}
    assert "of it 2 bottlenecks 2,120,228 9.0 % 65.1 %" in told
    assert "of it 15 heads 1,124,604 4.8 % 34.5 %" in told
    assert "resnet-50 with 36 classes 23,581,796" in told


def test_the_table_of_a_long_name_keeps_its_width() -> None:
    counted = ledger(smoke())
    long = Ledger("/a/long/way/" * 9 + "model", *list(vars(counted).values())[1:])
    assert max(map(len, long.text().splitlines())) <= 80


@needs_transformers
def test_json_holds_what_the_table_says(published: Ledger) -> None:
    told = json.loads(json.dumps(published.to_json()))
    assert told["encoder"] == 23_581_796
    assert told["published"]["parameters"] == 3_256_048
    assert sum(p["parameters"] for p in told["published"]["parts"]) == 3_256_048
    assert told["published"]["groups"]["heads"]["modules"] == 15
    assert told["unified"]["percent_of_encoder"] < 2
