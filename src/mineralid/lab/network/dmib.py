"""The dynamic multimodal information bottleneck, each part a switch, and its loss terms.

Fang et al., WACV 2024 (arXiv 2311.01066), around v = the concatenated views and z = its bottleneck.
The original mineral system keeps the bottleneck alone: `DmibParts()`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, model_validator
from torch import nn

from mineralid.lab.network.bottleneck import Bottleneck, clean_to_bottleneck_kl

IMAGE_ONLY, RECORDS_ONLY = 0.25, 0.25  # shares of the rows masked in training; the rest keep both
SELF_GATE_RANK = 64
# The method weights its views' classifiers heavily; by how much is not known, and 1 each is ours.
LOSS_WEIGHTS: Mapping[str, float] = {
    "ce": 1.0,
    "bottleneck_ce": 1.0,
    "kl": 1.0,
    "view_ce": 1.0,
    "gate_l1": 1.0,
    "confidence_mse": 1.0,
}


class DmibParts(BaseModel):
    """Which parts there are. A part that is off has no parameters and no loss term."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view_classifiers: bool = False  # a linear classifier per view, trained with cross-entropy
    feature_gate: bool = False  # each feature of a view times a sigmoid of the view, L1 on it
    confidence: bool = False  # each view times its estimated true-class probability
    self_gate: bool = False  # features of one view compete for attention
    cross_gate: bool = False  # each view times a sigmoid of the others
    bottleneck: bool = True
    masking: bool = False  # a whole view dropped in training

    @model_validator(mode="after")
    def _confidence_has_a_target(self) -> DmibParts:
        if self.confidence and not self.view_classifiers:
            raise ValueError(
                "confidence is True with view_classifiers False; allowed: with view_classifiers "
                "True, for it learns the true-class probability of a view's own classifier"
            )
        return self


@dataclass(frozen=True)
class DmibOutput:
    """What one batch gives. B rows, C classes, V views of widths D_v."""

    logits: torch.Tensor  # [B, C], the clean head on v
    fused: torch.Tensor  # v, [B, ΣD_v]
    kept: torch.Tensor  # [B, V], False where a view was masked
    bottleneck_logits: torch.Tensor | None  # [B, C], the head on z
    view_logits: tuple[torch.Tensor, ...]  # V of [B, C], or none
    gates: Mapping[str, tuple[torch.Tensor, ...]]  # "feature", "self", "cross": V of [B, D_v]
    confidence_logits: torch.Tensor | None  # [B, V]; their sigmoid weights the views


class SelfGate(nn.Module):
    """x [B, D] → attention [B, D]: D · softmax over the features, so that its mean is 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        rank = min(SELF_GATE_RANK, dim)
        self.score = nn.Sequential(nn.Linear(dim, rank), nn.Tanh(), nn.Linear(rank, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.shape[1] * torch.softmax(self.score(x), dim=1)


class DynamicBottleneck(nn.Module):
    """Views [B, D_v] → logits of the clean head and of the head behind the bottleneck.

    View 0 is the photograph's feature, view 1 the encoded tests; further views count as records.
    In order: masking, feature gate, self gate, cross gate, view classifiers, confidence, fusion by
    concatenation, heads. A masked view is replaced by zeros, and stays zero through the gates: no
    learned stand-in, which evaluation, where nothing is masked, would never use.
    """

    def __init__(
        self,
        view_dims: Sequence[int],
        classes: int,
        parts: DmibParts | None = None,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.view_dims, self.parts = tuple(view_dims), parts or DmibParts()
        dims, fused = self.view_dims, sum(self.view_dims)
        _check_sizes(dims, classes, self.parts)
        self.head = nn.Linear(fused, classes)
        if self.parts.feature_gate:
            self.feature_gates = nn.ModuleList(nn.Linear(d, d) for d in dims)
        if self.parts.self_gate:
            self.self_gates = nn.ModuleList(SelfGate(d) for d in dims)
        if self.parts.cross_gate:
            self.cross_gates = nn.ModuleList(nn.Linear(fused - d, d) for d in dims)
        if self.parts.view_classifiers:
            self.view_heads = nn.ModuleList(nn.Linear(d, classes) for d in dims)
        if self.parts.confidence:
            self.confidences = nn.ModuleList(nn.Linear(d, 1) for d in dims)
        if self.parts.bottleneck:
            self.bottleneck = Bottleneck(fused, hidden)
            self.bottleneck_head = nn.Linear(fused, classes)

    def forward(
        self, views: Sequence[torch.Tensor], mask_draw: torch.Generator | None = None
    ) -> DmibOutput:
        """Score the views. `mask_draw` draws the masks (torch's own generator where None).

        Masks are drawn in training only; in evaluation the same input gives the same output.
        """
        got = [tuple(view.shape) for view in views]
        if not got or got != [(got[0][0], d) for d in self.view_dims]:
            raise ValueError(
                f"views are of shapes {got}; allowed: {len(self.view_dims)} of widths "
                f"{self.view_dims}, [B, width] each"
            )
        kept = self._draw_masks(views[0], mask_draw)
        xs = [torch.where(kept[:, i : i + 1], view, 0.0) for i, view in enumerate(views)]
        gates: dict[str, tuple[torch.Tensor, ...]] = {}
        if self.parts.feature_gate:
            gates["feature"] = tuple(
                torch.sigmoid(gate(x)) for gate, x in zip(self.feature_gates, xs, strict=True)
            )
            xs = [x * gate for x, gate in zip(xs, gates["feature"], strict=True)]
        if self.parts.self_gate:
            gates["self"] = tuple(gate(x) for gate, x in zip(self.self_gates, xs, strict=True))
            xs = [x * gate for x, gate in zip(xs, gates["self"], strict=True)]
        if self.parts.cross_gate:
            gates["cross"] = tuple(
                torch.sigmoid(gate(torch.cat([*xs[:i], *xs[i + 1 :]], dim=1)))
                for i, gate in enumerate(self.cross_gates)
            )
            xs = [x * gate for x, gate in zip(xs, gates["cross"], strict=True)]
        view_logits: tuple[torch.Tensor, ...] = ()
        if self.parts.view_classifiers:
            view_logits = tuple(head(x) for head, x in zip(self.view_heads, xs, strict=True))
        confidence_logits = None
        if self.parts.confidence:
            estimates = [layer(x) for layer, x in zip(self.confidences, xs, strict=True)]
            confidence_logits = torch.cat(estimates, dim=1)
            xs = [x * torch.sigmoid(c) for x, c in zip(xs, estimates, strict=True)]
        fused = torch.cat(xs, dim=1)
        bottleneck_logits = None
        if self.parts.bottleneck:
            bottleneck_logits = self.bottleneck_head(self.bottleneck(fused))
        return DmibOutput(
            self.head(fused), fused, kept, bottleneck_logits, view_logits, gates, confidence_logits
        )

    def _draw_masks(self, like: torch.Tensor, draw: torch.Generator | None) -> torch.Tensor:
        """Return [B, V]: which views each row keeps."""
        kept = torch.ones(len(like), len(self.view_dims), dtype=torch.bool, device=like.device)
        if not (self.parts.masking and self.training):
            return kept
        # A generator draws on its own device only.
        place = like.device if draw is None else draw.device
        u = torch.rand(len(like), generator=draw, device=place).to(like.device)
        kept[:, 1:] = (u >= IMAGE_ONLY)[:, None]
        kept[:, 0] = (u < IMAGE_ONLY) | (u >= IMAGE_ONLY + RECORDS_ONLY)
        return kept


def losses(
    output: DmibOutput, labels: torch.Tensor, weights: Mapping[str, float] | None = None
) -> dict[str, torch.Tensor]:
    """Return the weighted terms of one batch; their sum is the loss.

    labels: [B], int64. weights: any of LOSS_WEIGHTS, the rest as there; a term of weight 0, or of a
    part that is off, is absent.

    - ce, bottleneck_ce: cross-entropy of the clean head and of the head on z;
    - kl: KL(p(y|v) ‖ p(y|z)), the clean side a target;
    - view_ce: cross-entropy of the views' classifiers;
    - gate_l1: the mean feature gate of a view;
    - confidence_mse: (sigmoid − p_view(true class))², that probability a target.

    The last three are sums over views of means over the rows in which the view is not masked: there
    is nothing to learn from zeros.
    """
    wanted = dict(LOSS_WEIGHTS)
    for name, weight in (weights or {}).items():
        if name not in wanted:
            close = get_close_matches(str(name), wanted, n=1, cutoff=0.4)
            guess = f"; did you mean {close[0]!r}?" if close else ";"
            raise ValueError(
                f"a weight is given for {name!r}{guess} allowed: {', '.join(LOSS_WEIGHTS)}"
            )
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name} is {weight}; allowed: 0 or more, finite")
        wanted[name] = weight
    terms: dict[str, torch.Tensor] = {}
    if wanted["ce"]:
        terms["ce"] = F.cross_entropy(output.logits, labels)
    if output.bottleneck_logits is not None:
        if wanted["bottleneck_ce"]:
            terms["bottleneck_ce"] = F.cross_entropy(output.bottleneck_logits, labels)
        if wanted["kl"]:
            terms["kl"] = clean_to_bottleneck_kl(output.logits, output.bottleneck_logits)
    if output.view_logits and wanted["view_ce"]:
        terms["view_ce"] = _over_kept(
            [F.cross_entropy(logits, labels, reduction="none") for logits in output.view_logits],
            output.kept,
        )
    if "feature" in output.gates and wanted["gate_l1"]:
        terms["gate_l1"] = _over_kept([g.mean(dim=1) for g in output.gates["feature"]], output.kept)
    if output.confidence_logits is not None and wanted["confidence_mse"]:
        estimates = torch.sigmoid(output.confidence_logits)
        misses = []
        for i, logits in enumerate(output.view_logits):
            true = torch.softmax(logits.detach(), dim=1).gather(1, labels[:, None])[:, 0]
            misses.append((estimates[:, i] - true) ** 2)
        terms["confidence_mse"] = _over_kept(misses, output.kept)
    return {name: wanted[name] * term for name, term in terms.items()}


def _over_kept(per_row: Sequence[torch.Tensor], kept: torch.Tensor) -> torch.Tensor:
    """Return the sum over views of the mean over their unmasked rows (0 where all are masked)."""
    values = torch.stack(list(per_row), dim=1) * kept
    return (values.sum(dim=0) / kept.sum(dim=0).clamp(min=1)).sum()


def _check_sizes(dims: tuple[int, ...], classes: int, parts: DmibParts) -> None:
    if not dims or min(dims) < 1 or classes < 1:
        raise ValueError(
            f"view_dims are {dims} and classes is {classes}; allowed: 1 or more, one view at least"
        )
    if parts.self_gate and min(dims) < 2:
        raise ValueError(f"view_dims are {dims}; allowed with self_gate: 2 or more each")
    if len(dims) < 2 and (parts.cross_gate or parts.masking):
        part = "cross_gate" if parts.cross_gate else "masking"
        raise ValueError(f"view_dims are {dims}; allowed with {part}: two views or more")
