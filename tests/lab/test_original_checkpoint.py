"""Checkpoints of the published layout: the same logits as an independent network, and back."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from original_reference import FULL, FULL_BLOCKS, Published, drawn, file_of

from mineralid.lab.data.manifest import Manifest, Photograph
from mineralid.lab.network.dmib import DmibParts
from mineralid.lab.original.batches import FixedFeatures, GlobalBatches, loader
from mineralid.lab.original.checkpoint import (
    OriginalCheckpoints,
    export_original,
    import_original,
)
from mineralid.lab.original.codes import CASES, parse_case, published_codes
from mineralid.lab.original.networks import (
    CaseNetwork,
    build_case,
    build_student,
    build_teacher,
)
from mineralid.lab.original.published_file import read_published, write_published
from mineralid.lab.original.recipe import Dmib, OriginalRecipe, original, smoke
from mineralid.lab.original.recipe import Student as StudentStage
from mineralid.lab.original.records import IMPORTED, load_finished, read_stage
from mineralid.lab.original.run import Data, Run
from mineralid.lab.original.stages import DmibStage
from mineralid.lab.training.fit import fit

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers, for ResNet"
)

WIDTHS, BLOCKS, HIDDEN = (8, 4, 8, 12, 16), (2, 1, 1, 2), 16
CODES = published_codes()
CASE_NAMES = [case.name for case in CASES]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> OriginalRecipe:
    """A recipe whose encoder is a ResNet of few channels: the configuration is a folder."""
    from transformers import ResNetConfig

    folder = tmp_path_factory.mktemp("narrow-resnet")
    ResNetConfig(
        embedding_size=WIDTHS[0],
        hidden_sizes=[4 * width for width in WIDTHS[1:]],
        depths=list(BLOCKS),
        layer_type="bottleneck",
    ).save_pretrained(folder)
    return OriginalRecipe(
        image_size=32,
        pretrained=False,
        batch_size=8,
        student=StudentStage(epochs=1, backbone=str(folder)),
        dmib=Dmib(epochs=4, hidden=HIDDEN, views=0),
    )


@pytest.fixture(scope="module")
def published() -> Published:
    return drawn(Published(WIDTHS, BLOCKS, 36, HIDDEN))


def saved(folder: Path, contents: Any, name: str = "SSF_Net_epoch_99_ckt.pth") -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(contents, folder / name)
    return folder / name


def of_case(recipe: OriginalRecipe, tests: str) -> OriginalRecipe:
    return recipe.model_copy(update={"tests": str(parse_case(tests))})


def built(recipe: OriginalRecipe, classes: int = 36) -> CaseNetwork:
    """A case's network that has taken its student over."""
    network = build_case(recipe, classes)
    network.take_student(build_student(recipe, classes, pretrained=False))
    return network.eval()


def loaded(folder: Path) -> CaseNetwork:
    """The network of an imported case, from the files alone."""
    recipe = OriginalRecipe.model_validate_json((folder / "recipe.json").read_bytes())
    network = build_case(recipe, len(read_stage(folder / "dmib").classes))
    load_finished(folder / "dmib", network)
    return network


def questions(count: int, side: int, case: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(count, 3, side, side, generator=generator)
    rows = np.arange(count, dtype=np.int64) * 7 % 36
    return images, torch.from_numpy(CODES.of(rows, parse_case(case))).float()


@torch.no_grad()
def assert_same_logits(network: CaseNetwork, published: Published, case: str, side: int) -> None:
    images, codes = questions(4, side, case)
    answer, (clean, error) = network(images, codes), published(images, codes, case)
    for ours, theirs in ((answer.clean, clean), (answer.robust, error)):
        assert theirs.std() > 0.05  # numbers that could differ
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASE_NAMES)
def test_an_imported_case_gives_the_logits_of_the_published_network(
    case: str, recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    file = saved(tmp_path, file_of(published, (case,)))
    found = import_original(file, tmp_path / "run", recipe=recipe)
    assert found.case == parse_case(case)
    assert found.epoch == 99
    assert_same_logits(loaded(tmp_path / "run" / parse_case(case).folder), published, case, 64)


def test_cases_and_heads_are_told_apart(published: Published) -> None:
    """The comparison above can fail: every case answers otherwise."""
    images, _ = questions(4, 64, "3mo")
    with torch.no_grad():
        for wanted in (0, 1):
            answers = [published(images, questions(4, 64, c)[1], c)[wanted] for c in CASE_NAMES]
            for i, one in enumerate(answers):
                for other in answers[:i]:
                    assert (one - other).abs().max() > 1e-2


def test_at_full_width_with_the_published_values(tmp_path: Path) -> None:
    full = drawn(Published(FULL, FULL_BLOCKS))
    file = saved(tmp_path, file_of(full, ("3mo", "2mo_13")), "Mine_v4_epoch_29_ckt.pth")
    found = import_original(file, tmp_path / "run", tests="hardness,streak")
    folder = tmp_path / "run" / "hardness-streak"
    assert found.folder == folder / "dmib"
    assert_same_logits(loaded(folder), full, "2mo_13", 64)
    kept = OriginalRecipe.model_validate_json((folder / "recipe.json").read_bytes())
    assert kept.model_name == "Mine_v4"
    assert (kept.error_rate, kept.dmib.views) == (0.6, 0)
    assert kept.student == original().student


def test_the_student_of_a_case_is_written_too(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    file = saved(tmp_path, file_of(published, ("0mo",)))
    import_original(file, tmp_path / "run", recipe=recipe)
    student = build_student(recipe, 36, pretrained=False)
    load_finished(tmp_path / "run" / "student", student)
    images, codes = questions(4, 64, "0mo")
    with torch.no_grad():
        expected = published(images, codes, "0mo")[0]
        torch.testing.assert_close(student(images)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_students_own_file_becomes_a_student_alone(
    wrapped: bool, recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    state = published.image_encoder.state_dict()
    file = saved(tmp_path, {"it": 3, "network": state} if wrapped else state, "student.pth")
    found = import_original(file, tmp_path / "run", recipe=recipe)
    assert (found.case, found.epoch) == (None, 3 if wrapped else None)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["student"]
    student = build_student(recipe, 36, pretrained=False)
    load_finished(found.folder, student)
    images, codes = questions(2, 64, "0mo")
    with torch.no_grad():
        expected = published(images, codes, "0mo")[0]
        torch.testing.assert_close(student(images)[0], expected, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="a student alone"):
        import_original(file, tmp_path / "other", tests="none", recipe=recipe)


# --- which case ----------------------------------------------------------------------------------


def test_several_error_heads_need_tests(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    file = saved(tmp_path, file_of(published, ("3mo", "2mo_12")))
    with pytest.raises(ValueError, match=r"3mo \(hardness,luster,streak\), 2mo_12 \(hardness,"):
        import_original(file, tmp_path / "run", recipe=recipe)
    with pytest.raises(ValueError, match=r"tests are '1mo_3', but .* 3mo .*, 2mo_12 "):
        import_original(file, tmp_path / "run", tests="1mo_3", recipe=recipe)
    assert not (tmp_path / "run").exists()
    found = import_original(file, tmp_path / "run", tests="2mo_12", recipe=recipe)
    assert {"classifier_3mo", "classifier_3mo_error", "info_layer_0mo"} <= set(found.left_aside)
    assert not {"classifier_2mo_12", "info_layer", "meta_head_1"} & set(found.left_aside)
    assert "classifier_3mo_error" in found.text()
    assert_same_logits(loaded(tmp_path / "run" / "hardness-luster"), published, "2mo_12", 64)


def test_the_photograph_alone_leaves_the_taps_aside(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    found = import_original(
        saved(tmp_path, file_of(published, ("0mo",))), tmp_path / "run", recipe=recipe
    )
    taps = {f"ssf_layer_{n}" for n in range(1, 9)}
    assert taps | {"meta_head_1", "info_layer"} <= set(found.left_aside)


def test_a_file_without_an_error_head_is_refused(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    file = saved(tmp_path, file_of(published, ()))
    with pytest.raises(ValueError, match="no case; its first names are image_encoder"):
        import_original(file, tmp_path / "run", recipe=recipe)


# --- what does not fit ---------------------------------------------------------------------------


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_all_that_does_not_fit_is_named_at_once(
    data: st.DataObject, recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    contents: Any = file_of(published, ("3mo",))
    state = contents["network"]
    own = [
        name
        for name in state
        if not name.startswith(("classifier_1", "classifier_2", "info_layer_0mo"))
        and not name.endswith("num_batches_tracked")
    ]
    kept = ("classifier_3mo_error.weight", "image_encoder.conv1.weight")  # what a case is told by
    chosen = data.draw(
        st.lists(st.sampled_from([n for n in own if n not in kept]), max_size=9, unique=True)
    )
    gone, cut = chosen[::2], chosen[1::2]
    beyond = data.draw(st.lists(st.sampled_from(["odd.weight", "info_layer.side.0.bias"])))
    for name in gone:
        del state[name]
    for name in cut:
        state[name] = torch.zeros(5, 4, 3)
    state.update({name: torch.zeros(1) for name in beyond})
    out = tmp_path / "run"
    file = saved(tmp_path, contents)
    assume(chosen or beyond)
    with pytest.raises(ValueError) as caught:
        import_original(file, out, recipe=recipe)
    told = str(caught.value)
    for names, label in ((gone, "missing"), (set(beyond), "unexpected"), (cut, "another shape")):
        assert (f"{len(names)} {label}" in told or f"{len(names)} of {label}" in told) == bool(
            names
        )
        assert all(name in told for name in names)
    assert all(f"{name} is [5, 4, 3]" in told for name in cut)
    assert not out.exists()


def test_another_number_of_classes_is_said_by_shape(recipe: OriginalRecipe, tmp_path: Path) -> None:
    file = saved(tmp_path, file_of(Published(WIDTHS, BLOCKS, 30, HIDDEN), ("3mo",)))
    with pytest.raises(ValueError, match=r"classifier_3mo.weight is \[30, 100\].*\[36, 100\]"):
        import_original(file, tmp_path / "run", recipe=recipe)


def test_counters_of_batches_may_be_missing(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    contents: Any = file_of(published, ("3mo",))
    contents["network"] = {
        n: t for n, t in contents["network"].items() if not n.endswith("num_batches_tracked")
    }
    import_original(saved(tmp_path, contents), tmp_path / "run", recipe=recipe)
    assert_same_logits(loaded(tmp_path / "run" / "hardness-luster-streak"), published, "3mo", 64)


class Unsafe:
    """What would run a program when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return os.mkdir, ("was-executed",)


def test_an_unsafe_file_is_refused_and_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = saved(tmp_path, {"it": 0, "network": {}, "optimizer": Unsafe()})
    with pytest.raises(ValueError, match=r"asks for the Python object \w+\.mkdir; refused"):
        import_original(file, tmp_path / "run")
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("content", [b"", b"hello world" * 30, b"PK\x03\x04 half a file"])
def test_what_is_no_file_of_torch_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.pth"):
        read_published(file)
    with pytest.raises(OSError):
        read_published(tmp_path / "absent.pth")


@pytest.mark.parametrize("content", [[1, 2], {}, {"network": {"a": 3}}, torch.zeros(2)])
def test_what_holds_no_network_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        read_published(saved(tmp_path, content))


# --- what a run makes of it ----------------------------------------------------------------------


def test_the_record_says_that_the_stage_was_imported(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    file = saved(tmp_path, file_of(published, ("3mo",)))
    found = import_original(file, out, recipe=recipe)
    for folder in (found.folder, out / "student"):
        record = read_stage(folder)
        origin = record.settings[IMPORTED]
        assert isinstance(origin, dict)
        assert (origin["file"], origin["epoch"]) == (file.name, 99)
        assert (record.photographs, record.begun_from) == (0, {})
        assert record.classes == CODES.classes
    again = import_original(file, out, recipe=recipe)
    assert "imported already" in again.text()


def test_another_file_never_takes_the_place_of_an_imported_one(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    import_original(saved(tmp_path, file_of(published, ("3mo",))), out, recipe=recipe)
    before = (out / "hardness-luster-streak" / "dmib" / "network.pt").read_bytes()
    other = drawn(Published(WIDTHS, BLOCKS, 36, HIDDEN), seed=1)
    file = saved(tmp_path, file_of(other, ("3mo",)), "other.pth")
    with pytest.raises(ValueError, match=r"imported\.file \(SSF_Net_epoch_99_ckt\.pth there"):
        import_original(file, out, recipe=recipe)
    assert (out / "hardness-luster-streak" / "dmib" / "network.pt").read_bytes() == before
    # Another case of another encoder: it is kept in the case's own network.
    file = saved(tmp_path, file_of(other, ("1mo_1",)), "pair.pth")
    found = import_original(file, out, recipe=recipe)
    assert "another student, left as it was" in found.text()
    assert_same_logits(loaded(out / "hardness"), other, "1mo_1", 64)
    # And one of the same encoder.
    file = saved(tmp_path, file_of(published, ("1mo_2",)), "third.pth")
    assert "the same student" in import_original(file, out, recipe=recipe).text()


def test_a_case_that_was_trained_here_is_not_overwritten(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    (out / "none" / "ssf").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds a run of this case already"):
        import_original(saved(tmp_path, file_of(published, ("0mo",))), out, recipe=recipe)
    assert not (out / "student").exists()


def test_a_run_takes_an_imported_student_up(
    recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    """Whatever the photographs, and never one of another backbone or of other classes."""
    out = tmp_path / "run"
    file = saved(tmp_path, published.image_encoder.state_dict())
    import_original(file, out, recipe=recipe)
    stones = Manifest((Photograph("a", tmp_path / "a.jpg", "Agate", "here", "a"),), CODES.classes)
    run = Run(recipe, Data(stones, stones, stones, CODES), out, say=lambda text: None)
    run.hashes["teacher"] = "0" * 64
    teacher = build_teacher(smoke(), 36, pretrained=False)
    student = run.student(teacher, allowed=False)
    torch.testing.assert_close(student.fc.weight, published.image_encoder.fc.weight, rtol=0, atol=0)
    changed = recipe.model_copy(
        update={"student": StudentStage(epochs=1, backbone="efficientnet-lite0")}
    )
    other = Run(changed, run.data, out, say=lambda text: None)
    other.hashes["teacher"] = "0" * 64
    with pytest.raises(ValueError, match=r"student\.backbone \(.* there, efficientnet-lite0 now"):
        other.student(teacher, allowed=False)


# --- and back ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASE_NAMES)
def test_export_gives_the_published_names_back_bit_equal(
    case: str, recipe: OriginalRecipe, published: Published, tmp_path: Path
) -> None:
    file = saved(tmp_path, file_of(published, (case,)))
    found = import_original(file, tmp_path / "run", recipe=recipe)
    back = export_original(loaded(found.folder.parent), 99)
    assert (back["it"], back["optimizer"], back["scheduler"]) == (99, {}, {})
    held, given_state = back["network"], torch.load(file, weights_only=True)["network"]
    assert set(held) == {
        name for name in given_state if name.partition(".")[0] not in found.left_aside
    }
    assert all(torch.equal(tensor, given_state[name]) for name, tensor in held.items())


@pytest.mark.parametrize("case", ["3mo", "2mo_23", "0mo"])
@pytest.mark.parametrize("narrow", [True, False])
def test_import_of_an_export_is_bit_equal(
    case: str, narrow: bool, recipe: OriginalRecipe, tmp_path: Path
) -> None:
    """Of a ResNet and, with names of its own under image_encoder, of an EfficientNet."""
    chosen = of_case(recipe if narrow else smoke(), case)
    network = built(chosen)
    file = write_published(tmp_path, "Net", export_original(network, 4))
    assert file.name == "Net_epoch_4_ckt.pth"
    import_original(file, tmp_path / "run", recipe=chosen)
    again = loaded(tmp_path / "run" / parse_case(case).folder).state_dict()
    own = network.state_dict()
    assert set(again) == set(own)
    assert all(torch.equal(again[name], tensor) for name, tensor in own.items())


def test_export_is_a_copy(recipe: OriginalRecipe) -> None:
    network = built(recipe)
    held = export_original(network, 0)["network"]
    before = {name: tensor.clone() for name, tensor in held.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in held.items())


def test_what_the_layout_has_no_names_for_is_refused(recipe: OriginalRecipe) -> None:
    one = build_case(recipe.model_copy(update={"tests": "any"}), 36)
    parts = DmibParts(bottleneck=True, feature_gate=True)
    dynamic = build_case(
        recipe.model_copy(update={"dmib": Dmib(epochs=1, hidden=HIDDEN, parts=parts)}), 36
    )
    for network in (one, dynamic):
        with pytest.raises(ValueError, match="the published layout has names for"):
            export_original(network, 0)
    with pytest.raises(ValueError, match=r"fc and head\.fc differ"):
        export_original(build_case(of_case(recipe, "none"), 36), 0)
    with pytest.raises(ValueError, match="epoch is -1"):
        export_original(built(recipe), -1)
    with pytest.raises(ValueError, match="every is 0"):
        OriginalCheckpoints(Path("x"), "x", 0)


def trained(recipe: OriginalRecipe, folder: Path, every: int) -> CaseNetwork:
    """A case after stage 4 on drawn features, with files of the published layout."""
    torch.manual_seed(0)
    network = built(recipe)
    labels = np.arange(24, dtype=np.int64) % 36
    features = torch.randn(2, 24, network.backbone.feature_dim)
    batches = GlobalBatches(
        labels=labels,
        codes=CODES,
        case=parse_case(recipe.tests),
        error_rate=0.5,
        batch_size=8,
        seed=0,
    )
    fit(
        DmibStage(recipe, network),
        loader(FixedFeatures(features, labels, seed=0), batches),
        folder / "fit",
        epochs=recipe.dmib.epochs,
        seed=0,
        callbacks=[OriginalCheckpoints(folder, recipe.model_name, every)],
    )
    return network.cpu().eval()


def test_files_of_the_published_layout_during_stage_4(
    recipe: OriginalRecipe, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    network = trained(recipe, folder, every=2)
    files = sorted(p.name for p in folder.glob("*.pth*"))
    assert files == ["SSF_Net_epoch_1_ckt.pth", "SSF_Net_epoch_3_ckt.pth"]
    states = {}
    for name in files:
        contents = torch.load(folder / name, weights_only=True)
        assert list(contents) == ["it", "network", "optimizer", "scheduler"]
        assert contents["optimizer"]["param_groups"]
        states[contents["it"]] = contents["network"]
    assert set(states) == {1, 3}
    moved = {n for n in states[1] if not torch.equal(states[1][n], states[3][n])}
    assert {name.partition(".")[0] for name in moved} == {"info_layer", "classifier_3mo_error"}
    import_original(folder / files[-1], tmp_path / "run", recipe=recipe)
    again = loaded(tmp_path / "run" / "hardness-luster-streak").state_dict()
    assert all(torch.equal(again[n], tensor) for n, tensor in network.state_dict().items())
