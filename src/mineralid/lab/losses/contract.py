"""What every loss shares: named inputs, their checks, float32 inside, no gradient to the teacher."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import nn

INPUTS = ("logits", "labels", "teacher_logits", "feature", "teacher_feature")


class Loss(nn.Module):
    """Base of the losses: called with keywords, returns a scalar.

    Inputs: logits, teacher_logits [B, C] (before softmax); feature [B, D], teacher_feature [B, D']
    (further axes are flattened); labels int64 [B] of values 0..C-1, or, where `soft_labels`, also
    float [B, C]. `needs` names those a loss reads; the others may be given and are left alone.

    Half precision is widened to float32 and autocast is off inside; float64 stays. The result has
    the widened type. Teacher inputs are detached. All values that float16 can hold are safe.
    Shapes that don't fit raise ValueError.
    """

    needs: ClassVar[tuple[str, ...]]
    soft_labels: ClassVar[bool] = False
    min_classes: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()

    def forward(
        self,
        *,
        logits: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        teacher_logits: torch.Tensor | None = None,
        feature: torch.Tensor | None = None,
        teacher_feature: torch.Tensor | None = None,
    ) -> torch.Tensor:
        values = (logits, labels, teacher_logits, feature, teacher_feature)
        given = {k: v for k, v in zip(INPUTS, values, strict=True) if v is not None}
        missing = [name for name in self.needs if name not in given]
        if missing:
            raise ValueError(
                f"{type(self).__name__} got {', '.join(given) or 'nothing'}; "
                f"it also needs {', '.join(missing)}"
            )
        used = {name: given[name] for name in self.needs}
        for name in used:
            if name.startswith("teacher_"):
                used[name] = used[name].detach()
        device = used[self.needs[0]].device.type
        # The meta device (shapes alone) has no autocast to switch off.
        exact: AbstractContextManager[object] = (
            nullcontext() if device == "meta" else torch.autocast(device, enabled=False)
        )
        with exact:
            return self.compute(**self._checked(_widened(used)))

    def compute(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Return the loss of checked inputs, all of one floating type."""
        raise NotImplementedError

    def _checked(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        for name in ("feature", "teacher_feature"):
            if name in inputs:
                x = inputs[name]
                if x.ndim < 2 or x.numel() == 0:
                    raise ValueError(f"{name} is {_shape(x)}; allowed: [B, D] with B and D >= 1")
                inputs[name] = x.flatten(1)
        for name in ("logits", "teacher_logits"):
            if name in inputs:
                x = inputs[name]
                if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < self.min_classes:
                    raise ValueError(
                        f"{name} is {_shape(x)}; allowed: [B, C] with B >= 1 and "
                        f"C >= {self.min_classes}"
                    )
        if "teacher_logits" in inputs:
            same_shape("logits", inputs["logits"], "teacher_logits", inputs["teacher_logits"])
        if "labels" in inputs:
            self._check_labels(inputs["labels"], inputs["logits"])
        return inputs

    def _check_labels(self, labels: torch.Tensor, logits: torch.Tensor) -> None:
        if labels.is_floating_point():
            if not self.soft_labels or labels.shape != logits.shape:
                also = f" or floating {_shape(logits)}" if self.soft_labels else ""
                raise ValueError(
                    f"labels are {labels.dtype} {_shape(labels)}; allowed: int64 "
                    f"[{logits.shape[0]}]{also} for logits {_shape(logits)}"
                )
            return
        if labels.dtype != torch.int64 or labels.shape != logits.shape[:1]:
            raise ValueError(
                f"labels are {labels.dtype} {_shape(labels)}; allowed: int64 [{logits.shape[0]}] "
                f"for logits {_shape(logits)}"
            )
        # On an accelerator the look at the values would make the host wait at every step.
        if labels.device.type == "cpu":
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= logits.shape[1]:
                raise ValueError(
                    f"labels lie in {low}..{high}; allowed: 0..{logits.shape[1] - 1} "
                    f"for {logits.shape[1]} classes"
                )


def same_shape(name: str, x: torch.Tensor, other: str, y: torch.Tensor) -> None:
    """Raise ValueError, naming both shapes, unless they are equal."""
    if x.shape != y.shape:
        raise ValueError(f"{name} is {_shape(x)} and {other} is {_shape(y)}; they must be equal")


def number(
    name: str, value: object, *, low: float, high: float = math.inf, open_low: bool = False
) -> float:
    """Return value as a float in low <= value < high (low < value if open_low)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        above = value > low if open_low else value >= low
        if math.isfinite(value) and above and value < high:
            return float(value)
    least = f"{low:g} {'<' if open_low else '<='} {name}"
    raise ValueError(f"{name} is {value!r}; allowed: a number, {least} < {high:g}")


def count(name: str, value: object, *, low: int) -> int:
    """Return value, a whole number of at least low."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return value
    raise ValueError(f"{name} is {value!r}; allowed: a whole number >= {low}")


def class_weights(name: str, value: Sequence[float] | torch.Tensor | None) -> torch.Tensor | None:
    """Return one weight a class as a tensor [C], None where all are one."""
    if value is None:
        return None
    try:
        weights = torch.as_tensor(value, dtype=torch.float64).detach()
    except (TypeError, ValueError):
        weights = torch.empty(0)
    if weights.ndim != 1 or weights.numel() == 0 or not bool(torch.isfinite(weights).all()):
        raise ValueError(f"{name} is {value!r}; allowed: None or one finite number >= 0 a class")
    if bool((weights < 0).any()):
        raise ValueError(f"{name} is {value!r}; allowed: None or one finite number >= 0 a class")
    return weights.to(torch.float32)


def spread_weights(name: str, weights: torch.Tensor | None, logits: torch.Tensor) -> torch.Tensor:
    """Return the class weights [C] in the type of logits [B, C]; None is ones."""
    if weights is None:
        return logits.new_ones(logits.shape[1])
    if weights.shape[0] != logits.shape[1]:
        raise ValueError(
            f"{name} has {weights.shape[0]} values and logits are {_shape(logits)}; "
            f"allowed: {logits.shape[1]} values"
        )
    return weights.to(logits.dtype)


def targets(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return labels as [B, C] in the type of logits: one-hot, or as they are where soft."""
    if labels.is_floating_point():
        return labels.to(logits.dtype)
    classes = torch.arange(logits.shape[1], device=logits.device)
    return (labels.unsqueeze(1) == classes).to(logits.dtype)


def _widened(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    wide = torch.float32
    for name, x in inputs.items():
        if name != "labels":
            if not x.is_floating_point():
                raise ValueError(f"{name} is {x.dtype}; allowed: a floating type")
            wide = torch.promote_types(wide, x.dtype)
    return {k: v.to(wide) if v.is_floating_point() else v for k, v in inputs.items()}


def _shape(x: torch.Tensor) -> str:
    return f"[{', '.join(str(n) for n in x.shape)}]"
