"""The bottleneck and its divergence: sizes, names, the reference (encoders_reference.py)."""

from __future__ import annotations

import encoders_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mineralid.lab.network.bottleneck import Bottleneck, clean_to_bottleneck_kl


@pytest.mark.parametrize(("dim", "count"), [(2048 + 36, 1_069_348), (2048, 1_050_880)])
def test_sizes_and_names_are_the_originals(dim: int, count: int) -> None:
    bottleneck = Bottleneck(dim)
    assert sum(p.numel() for p in bottleneck.parameters()) == count
    assert {name: tuple(w.shape) for name, w in bottleneck.state_dict().items()} == {
        "down.0.weight": (256, dim),
        "down.0.bias": (256,),
        "up.0.weight": (dim, 256),
        "up.0.bias": (dim,),
    }


@settings(max_examples=20, deadline=None)
@given(
    dim=st.integers(1, 20),
    hidden=st.integers(1, 20),
    rows=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_bottleneck_equals_the_reference(dim: int, hidden: int, rows: int, seed: int) -> None:
    torch.manual_seed(seed)
    bottleneck = Bottleneck(dim, hidden).double()
    fused = torch.randn(rows, dim, dtype=torch.float64)
    weights = {name: w.numpy() for name, w in bottleneck.state_dict().items()}
    expected = reference.bottleneck(weights, "", fused.numpy())
    assert np.abs(bottleneck(fused).detach().numpy() - expected).max() <= 1e-10


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dim is 4 and hidden is 0; allowed: 1 or more each"):
        Bottleneck(4, 0)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 6),
    classes=st.integers(2, 9),
    seed=st.integers(0, 1000),
    spread=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_divergence_equals_the_reference(rows: int, classes: int, seed: int, spread: float) -> None:
    drawn = torch.Generator().manual_seed(seed)
    clean, through = spread * torch.randn(2, rows, classes, generator=drawn, dtype=torch.float64)
    expected = reference.clean_to_bottleneck_kl(clean.numpy(), through.numpy())
    got = clean_to_bottleneck_kl(clean, through).item()
    assert abs(got - expected) <= 1e-10 * max(1.0, expected)
    assert got >= 0
    assert abs(clean_to_bottleneck_kl(clean, clean + 3.0).item()) <= 1e-12


def test_clean_side_is_a_target_and_the_other_is_pulled_to_it() -> None:
    torch.manual_seed(0)
    clean = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    through = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    clean_to_bottleneck_kl(clean, through).backward()
    assert clean.grad is None
    assert through.grad is not None
    # The gradient of this direction, with these roles, is p(y|z) - p(y|v), a B-th of it per row.
    expected = (torch.softmax(through, 1) - torch.softmax(clean, 1)) / 5
    assert (through.grad - expected).abs().max().item() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_certain_heads_give_finite_divergence_and_gradient(dtype: torch.dtype) -> None:
    clean = torch.tensor([[60.0, -60.0, 0.0], [-200.0, 0.0, 200.0]], dtype=dtype)
    through = torch.tensor([[-60.0, 60.0, 0.0], [200.0, 0.0, -200.0]], dtype=dtype)
    through.requires_grad_()
    loss = clean_to_bottleneck_kl(clean, through)
    loss.backward()
    assert torch.isfinite(loss) and loss > 100
    assert through.grad is not None and torch.isfinite(through.grad).all()
