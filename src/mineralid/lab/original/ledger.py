"""The ledger of parameters: what a recipe adds to the image encoder, counted without any weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import torch
from torch import nn

from mineralid.lab.network.dmib import DmibParts
from mineralid.lab.original.codes import CASES, NO_TESTS, published_codes
from mineralid.lab.original.networks import CaseNetwork, build_case
from mineralid.lab.original.recipe import ANY, OriginalRecipe

ADAPTERS, ENCODER, HEADS, BOTTLENECKS = "scale and shift", "test encoder", "heads", "bottlenecks"
GROUPS = (BOTTLENECKS, HEADS, ADAPTERS, ENCODER)
# The parts of the heads that `lab.original.heads` builds.
GROUP_OF = {
    "meta_head": ENCODER,
    "classifier": HEADS,
    "classifier_error": HEADS,
    "info_layer": BOTTLENECKS,
    "dynamic": BOTTLENECKS,
    "unified": HEADS,
    "bottleneck": BOTTLENECKS,
}
# What the published layout has once for all cases with tests; of the rest each case has its own.
SHARED = ("meta_head", "info_layer")
WIDTH = 80


@dataclass(frozen=True)
class Part:
    """`times` modules of `each` parameters."""

    name: str
    group: str
    each: int
    times: int = 1

    @property
    def parameters(self) -> int:
        """Return the parameters of all of them."""
        return self.each * self.times


@dataclass(frozen=True)
class Added:
    """What one way to serve all eight cases adds to the encoder."""

    name: str
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Return the sum."""
        return sum(part.parameters for part in self.parts)

    def modules(self, group: str) -> int:
        """Return how many modules of a group there are."""
        return sum(part.times for part in self.parts if part.group == group)

    def of_group(self, group: str) -> int:
        """Return the parameters of a group."""
        return sum(part.parameters for part in self.parts if part.group == group)


@dataclass(frozen=True)
class Ledger:
    """Parameters of a recipe: of the encoder with its head `fc`, and of what is added to it.

    published: all eight cases as in the published layout, which has scale and shift, test encoder
    and bottleneck once for all cases with tests. unified and unified_bottleneck: one network for
    all eight cases, everything in it that is not the encoder.
    """

    backbone: str
    classes: int
    encoder: int
    published: Added
    unified: Added
    unified_bottleneck: Added

    @property
    def ways(self) -> tuple[Added, ...]:
        """Return the three ways."""
        return self.published, self.unified, self.unified_bottleneck

    def percent(self, added: Added) -> float:
        """Return what is added, in percent of the encoder."""
        return 100 * added.parameters / self.encoder

    def text(self) -> str:
        """Return the ledger as a table of 80 columns."""
        name = f"…{self.backbone[-27:]}" if len(self.backbone) > 28 else self.backbone
        rows = [
            _row(f"{name} with {self.classes} classes", f"{self.encoder:,}"),
            _row("", "parameters", "of encoder", "of sum"),
        ]
        for added in self.ways:
            rows += ["─" * WIDTH, added.name]
            for part in added.parts:
                times = f", {part.times} × {part.each:,}" if part.times > 1 else ""
                rows.append(self._counted(f"  {part.name}{times}", part.parameters, added))
            rows.append(self._counted("  sum", added.parameters, added))
            for group in (BOTTLENECKS, HEADS):
                if added.modules(group) > 1:
                    name = f"  of it {added.modules(group)} {group}"
                    rows.append(self._counted(name, added.of_group(group), added))
        return "\n".join(rows)

    def _counted(self, name: str, count: int, added: Added) -> str:
        shares = (100 * count / self.encoder, 100 * count / added.parameters)
        return _row(name, f"{count:,}", *map(_percent, shares))

    def to_json(self) -> dict[str, object]:
        """Return the ledger as plain values."""
        return {
            "backbone": self.backbone,
            "classes": self.classes,
            "encoder": self.encoder,
            **{
                key: {
                    "name": added.name,
                    "parameters": added.parameters,
                    "percent_of_encoder": self.percent(added),
                    "parts": [{**asdict(p), "parameters": p.parameters} for p in added.parts],
                    "groups": {
                        group: {
                            "modules": added.modules(group),
                            "parameters": added.of_group(group),
                            "percent_of_sum": 100 * added.of_group(group) / added.parameters,
                        }
                        for group in GROUPS
                        if added.modules(group)
                    },
                }
                for key, added in zip(
                    ("published", "unified", "unified_bottleneck"), self.ways, strict=True
                )
            },
        }


def ledger(recipe: OriginalRecipe, classes: int | None = None) -> Ledger:
    """Count the parameters of a recipe's networks for all eight cases, whatever its `tests`.

    classes: None: as many as published, 36. The networks are built without numbers (on the meta
    device): no weights are read. Raises ValueError for a backbone that is not on this machine.
    """
    classes = len(published_codes().classes) if classes is None else classes
    if classes < 1:
        raise ValueError(f"classes is {classes}; allowed: 1 or more")
    networks = {case: _network(recipe, str(case), classes) for case in CASES}
    first = networks[CASES[0]]
    adapters = _adapter_parameters(first)
    encoder = _count(first.backbone) - adapters + _count(first.fc)
    scale_shift = Part(ADAPTERS, ADAPTERS, adapters)

    parts: Counter[Part] = Counter()
    for case, network in networks.items():
        alone = case == NO_TESTS
        for name, module in network.head.named_children():
            if name == "fc":  # the student's own, counted with the encoder
                continue
            shown = f"{_TITLES[name]}, photograph alone" if alone else _TITLES[name]
            part = Part(shown, GROUP_OF[name], _count(module))
            parts[part] = 1 if name in SHARED else parts[part] + 1
    published = (
        scale_shift,
        *(Part(part.name, part.group, part.each, times) for part, times in parts.items()),
    )

    plain = recipe.model_copy(
        update={"dmib": recipe.dmib.model_copy(update={"parts": DmibParts(bottleneck=True)})}
    )
    unified = _network(plain, ANY, classes)
    one = [scale_shift]
    for name, module in unified.head.named_children():
        if name == "unified":
            one += [
                Part(_TITLES[inner], ENCODER if inner != "head" else HEADS, _count(child))
                for inner, child in module.named_children()
            ]
    behind = [
        Part(_TITLES[name], GROUP_OF[name], _count(unified.head.get_submodule(name)))
        for name in unified.head.of_dmib
    ]
    return Ledger(
        recipe.student.backbone,
        classes,
        encoder,
        Added("Eight cases, as published", tuple(p for p in published if p.each)),
        Added("One network for all eight cases", tuple(p for p in one if p.each)),
        Added(
            "One network for all eight cases, with a bottleneck",
            tuple(p for p in (*one, *behind) if p.each),
        ),
    )


# What the modules of the heads are called in the table.
_TITLES = {
    "meta_head": "test encoder",
    "classifier": "clean head",
    "classifier_error": "error head",
    "info_layer": "bottleneck",
    "dynamic": "dynamic bottleneck",
    "bottleneck": "bottleneck",
    "readings": "readings, and stand-ins for them",
    "encoder": "test encoder",
    "head": "head",
}


def _network(recipe: OriginalRecipe, tests: str, classes: int) -> CaseNetwork:
    with torch.device("meta"):
        return build_case(recipe.model_copy(update={"tests": tests}), classes)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _adapter_parameters(network: CaseNetwork) -> int:
    return sum(_count(adapter) for adapter in network.backbone.adapters().values())


def _percent(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f} %"
    return "< 0.01 %" if value < 0.005 else f"{value:.2f} %" if value < 1 else f"{value:.1f} %"


def _row(name: str, *cells: str) -> str:
    return f"{name:<44}{''.join(f'{cell:>12}' for cell in cells)}".rstrip()
