"""Image models of the transformers library: architectures by name, weights found on this machine."""

from __future__ import annotations

import difflib
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mineralid.lab.network.lite import IMAGE_SIZES
from mineralid.lab.network.torchvision_names import from_torchvision, is_torchvision
from mineralid.lab.network.weight_files import WeightsMissing, read_weights, refuse_mismatch

Three = tuple[float, float, float]
IMAGENET_MEAN: Three = (0.485, 0.456, 0.406)
IMAGENET_STD: Three = (0.229, 0.224, 0.225)
# What a file may hold beside the backbone: heads of classifiers and poolers.
HEADS = ("classifier.", "fc.", "head.", "pooler.")
DERIVED = ("stage_names", "out_features", "out_indices")


@dataclass(frozen=True)
class Architecture:
    """One named model: where its weights are published, and its shape."""

    hub: str
    model_type: str
    image_size: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    mean: Three = IMAGENET_MEAN
    std: Three = IMAGENET_STD


ARCHITECTURES: Mapping[str, Architecture] = {
    # Bottlenecks with the stride in the 3×3 convolution ("v1.5"), as torchvision's.
    "resnet-50": Architecture("microsoft/resnet-50", "resnet", 224),
    "swin-base-384": Architecture(
        "microsoft/swin-base-patch4-window12-384",
        "swin",
        384,
        {
            "image_size": 384,
            "embed_dim": 128,
            "depths": [2, 2, 18, 2],
            "num_heads": [4, 8, 16, 32],
            "window_size": 12,
        },
    ),
    "vit-small": Architecture(
        "WinKawaks/vit-small-patch16-224",
        "vit",
        224,
        {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
        # These weights were trained on images in [-1, 1], not with ImageNet's statistics.
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    ),
    # Its position embeddings are for 518 pixels; it is used at 224.
    "dinov2-small": Architecture(
        "facebook/dinov2-small",
        "dinov2",
        224,
        {
            "hidden_size": 384,
            "num_attention_heads": 6,
            "mlp_ratio": 4,
            "patch_size": 14,
            "image_size": 518,
        },
    ),
}
NAMES = (*IMAGE_SIZES, *ARCHITECTURES)


@dataclass(frozen=True)
class ImageModel:
    """A model of transformers without pooler, and how to prepare its images."""

    model: Any
    image_size: int
    mean: Three
    std: Three


def load_image_model(
    name: str, *, weights: Path | None, pretrained: bool, config: Mapping[str, Any]
) -> ImageModel:
    """Build an architecture by name, local folder or cached hub name; nothing is downloaded.

    weights: a file of tensors, under transformers' names or (for a ResNet) torchvision's.
    config: fields of the architecture's configuration that differ.
    Raises WeightsMissing where the weights, or an unnamed model's configuration, are not here.
    """
    transformers = importlib.import_module("transformers")
    known = ARCHITECTURES.get(name)
    origin = known.hub if known else name
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if known and (weights is not None or not pretrained):
        settings = transformers.AutoConfig.for_model(known.model_type, **known.fields)
    else:
        try:
            settings = transformers.AutoConfig.from_pretrained(origin, **local)
        except (OSError, ValueError) as error:
            raise _not_here(name, known, error) from error
    for key in config:
        if not hasattr(settings, key):
            near = difflib.get_close_matches(key, settings.to_dict(), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"config has {key!r}{hint}; allowed: fields of {type(settings).__name__}"
            )
    if config:  # built anew, so that what the library derives from the fields is derived again
        fields = {k: v for k, v in settings.to_dict().items() if k not in DERIVED}
        settings = type(settings).from_dict({**fields, **config})
    model_class = transformers.MODEL_MAPPING[type(settings)]
    # Only these two build a pooler that can be left out.
    bare = {"add_pooling_layer": False} if settings.model_type in ("vit", "swin") else {}
    with _quiet(transformers):
        if weights is not None:
            state = read_weights(weights)
            if settings.model_type == "resnet" and is_torchvision(state):
                state = from_torchvision(state)
            model = _loaded(
                model_class, None, f"{name} in {weights}", config=settings, state_dict=state, **bare
            )
        elif pretrained:
            try:
                model = _loaded(model_class, origin, name, config=settings, **local, **bare)
            except OSError as error:
                raise _not_here(name, known, error) from error
        else:
            model = transformers.AutoModel.from_config(settings, dtype=torch.float32, **bare)
    if getattr(model, "main_input_name", None) != "pixel_values":
        raise ValueError(
            f"{name} is a {settings.model_type} model; allowed: models of images alone"
        )
    mean, std = _statistics(transformers, origin, known)
    native = known.image_size if known and "image_size" not in config else None
    return ImageModel(model, native or _side(settings), mean, std)


def _loaded(model_class: Any, origin: str | None, what: str, **options: Any) -> Any:
    """Load weights and refuse a set that isn't whole or holds more than heads."""
    try:
        model, report = model_class.from_pretrained(
            origin, output_loading_info=True, dtype=torch.float32, **options
        )
    except RuntimeError as error:  # how the library reports tensors of another shape
        raise ValueError(f"these are not the weights of {what}: {error}") from error
    heads = (*HEADS, *(f"{model_class.base_model_prefix}.{head}" for head in HEADS))
    refuse_mismatch(
        what,
        [n for n in report["missing_keys"] if not n.endswith("num_batches_tracked")],
        [n for n in report["unexpected_keys"] if not n.startswith(heads)],
        [str(n) for n in report["mismatched_keys"]],
    )
    return model


def _not_here(name: str, known: Architecture | None, cause: Exception) -> ValueError:
    if known is None and Path(name).is_dir():
        return ValueError(
            f"the folder {name} holds no whole image model of the transformers library: {cause}"
        )
    if known is None and not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name):
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return ValueError(
            f"backbone is {name!r}{hint}; allowed: {', '.join(NAMES)}, a "
            "folder with a model of the transformers library, or a hub name (owner/name) in the "
            "cache of this machine"
        )
    hub = known.hub if known else name
    given = f"{name} ({hub})" if known else name
    return WeightsMissing(
        f"the weights of {given} are not on this machine; to get them: hf download {hub}"
        + (", or give a file: --model-weight FILE" if known else "")
    )


def _statistics(transformers: Any, origin: str, known: Architecture | None) -> tuple[Three, Three]:
    """Return mean and standard deviation from the weights' own preprocessing, if it is here."""
    mean, std = (known.mean, known.std) if known else (IMAGENET_MEAN, IMAGENET_STD)
    path = transformers.utils.cached_file(
        origin,
        "preprocessor_config.json",
        local_files_only=True,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if path is None:
        return mean, std
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    return _three(told.get("image_mean"), mean), _three(told.get("image_std"), std)


def _three(values: Any, otherwise: Three) -> Three:
    if not isinstance(values, list) or len(values) != 3:
        return otherwise
    return float(values[0]), float(values[1]), float(values[2])


def _side(settings: Any) -> int:
    size = getattr(settings, "image_size", None) or 224
    return int(size if isinstance(size, int) else max(size))


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Silence the library's own report of keys and its progress bar: ours says what matters."""
    logging = transformers.utils.logging
    before, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()
