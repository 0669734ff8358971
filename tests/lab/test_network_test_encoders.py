"""Test encoders: equal to the reference (encoders_reference.py), shapes, names, gradients."""

from __future__ import annotations

import encoders_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mineralid.lab.network.residual_autoencoder import CascadeResidualAE, ResidualAE
from mineralid.lab.network.test_encoders import (
    TEST_ENCODERS,
    BaseAutoencoder,
    OriginalTestEncoder,
    SharedEncoder,
    make_test_encoder,
)

NAMES = ("original", "resnorm", "shared", "autoencoder", "residual_ae", "cascade_ae")
SMALL: dict[str, dict[str, object]] = {
    "original": {},
    "resnorm": {},
    "shared": {"width": 24},
    "autoencoder": {"width": 24},
    "residual_ae": {"width": 24, "blocks": 3},
    "cascade_ae": {"width": 24, "blocks": 3},
}


# From `python tests/lab/encoders_reference.py`.
GOLDEN = np.array(
    [
        [0.77426874, -0.03245617, -2.9769203, 0.43061439],
        [1.05880089, -0.10352557, -2.98737241, 0.4043771],
    ]
)


def seeded(make: object, seed: int = 0) -> nn.Module:
    """Make a module in float64 with weights that differ everywhere, norms and biases included."""
    torch.manual_seed(seed)
    module: nn.Module = make().double()  # type: ignore[operator]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
            if name.endswith("running_var"):
                buffer.uniform_(0.3, 2.0)
    return module.eval()


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in module.state_dict().items()}


def codes(rows: int, tests: int = 3, seed: int = 0) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 4, (rows, tests), generator=drawn).double()


def largest(got: torch.Tensor, expected: np.ndarray) -> float:
    assert tuple(got.shape) == expected.shape
    return float(np.abs(got.detach().numpy() - expected).max())


def test_all_of_the_collection_is_there() -> None:
    assert TEST_ENCODERS == NAMES


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 100), rows=st.integers(1, 5))
def test_encoders_equal_the_reference(name: str, seed: int, rows: int) -> None:
    encoder = seeded(lambda: make_test_encoder(name, 3, 10, **SMALL[name]), seed)
    values = codes(rows, seed=seed)
    expected = reference.test_encoder(name, arrays(encoder), values.numpy(), blocks=3)
    assert largest(encoder(values), expected) <= 1e-10


def test_original_encoder_gives_the_golden_numbers() -> None:
    encoder = OriginalTestEncoder(3, 4).double()
    weights = reference.waves(reference.GOLDEN_SHAPES)
    encoder.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    assert largest(encoder(torch.from_numpy(reference.GOLDEN_VALUES)), GOLDEN) <= 1e-7


@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize("normed", [False, True])
def test_residual_autoencoders_equal_the_reference(blocks: int, normed: bool) -> None:
    drawn = torch.Generator().manual_seed(blocks)
    x, shared = torch.randn(2, 6, 12, generator=drawn, dtype=torch.float64).unbind()
    residual = seeded(lambda: ResidualAE(12, (9, 7, 5), blocks, batch_norm=normed))
    expected = reference.residual_ae(
        arrays(residual), "", x.numpy(), shared.numpy(), blocks, normed
    )
    for got, wanted in zip(residual(x, shared), expected, strict=True):
        assert largest(got, wanted) <= 1e-10
    cascade = seeded(lambda: CascadeResidualAE(12, (9, 7, 5), blocks, batch_norm=normed))
    expected = reference.cascade_ae(arrays(cascade), "", x.numpy(), blocks, normed)
    for got, wanted in zip(cascade(x), expected, strict=True):
        assert largest(got, wanted) <= 1e-10


def test_original_encoder_has_the_published_names_and_size() -> None:
    encoder = OriginalTestEncoder()
    wanted = {"0.weight": (36, 3), "0.bias": (36,), "2.weight": (36,), "2.bias": (36,)}
    for part in ("w1", "w2"):
        wanted |= {f"3.{part}.weight": (36, 36), f"3.{part}.bias": (36,)}
    for part in ("norm_fn1", "norm_fn2"):
        wanted |= {f"3.{part}.weight": (36,), f"3.{part}.bias": (36,)}
    assert {name: tuple(w.shape) for name, w in encoder.state_dict().items()} == wanted
    assert sum(p.numel() for p in encoder.parameters()) == 3024


def test_default_widths_are_the_originals() -> None:
    with torch.device("meta"):  # shapes only: 16.8 million weights needn't be drawn
        shared = SharedEncoder()
        base = BaseAutoencoder()
        lifted = make_test_encoder("shared")
    assert [tuple(m.weight.shape) for m in shared if isinstance(m, nn.Linear)] == 4 * [(2048, 2048)]
    kinds = [type(m).__name__ for m in shared]
    assert kinds == 3 * ["Linear", "ReLU", "Dropout"] + ["Linear"]
    widths = [m.in_features for m in base.modules() if isinstance(m, nn.Linear)]
    assert widths == [128, 64, 32, 64]
    assert [type(m) for m in (*base.encoder, *base.decoder)] == 4 * [nn.Linear, nn.ReLU]
    assert tuple(lifted[0].weight.shape) == (2048, 3)  # type: ignore[index]
    x = torch.randn(2, 128)
    reconstruction, latent = BaseAutoencoder()(x)
    assert reconstruction.shape == (2, 128) and latent.shape == (2, 32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tests", [1, 3, 6])
def test_every_trainable_gets_a_gradient_and_dead_ones_are_frozen(name: str, tests: int) -> None:
    torch.manual_seed(3)
    encoder = make_test_encoder(name, tests, 8, **SMALL[name])
    out = encoder(torch.randn(64, tests))
    assert out.shape == (64, 8)
    (out * torch.randn_like(out)).sum().backward()
    dead = encoder.dead_parameters() if name == "residual_ae" else []  # type: ignore[operator]
    assert (len(dead) > 0) == (name == "residual_ae")
    for parameter_name, parameter in encoder.named_parameters():
        assert parameter.requires_grad == (parameter_name not in dead)
        if parameter_name in dead:
            assert parameter.grad is None
        else:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("blocks", [1, 3])
def test_dead_parameters_are_exactly_those_without_a_gradient(blocks: int) -> None:
    torch.manual_seed(0)
    residual = ResidualAE(12, (9, 7, 5), blocks)
    output, latents = residual(torch.randn(32, 12), torch.randn(32, 12))
    (output.square().sum() + latents.square().sum()).backward()
    dead = [name for name, p in residual.named_parameters() if p.grad is None]
    assert residual.dead_parameters() == dead
    assert len(dead) == 6 * (blocks - 1)  # three Linears in each earlier decoder
    cascade = CascadeResidualAE(12, (9, 7, 5), blocks)
    output, latents = cascade(torch.randn(32, 12))
    (output.square().sum() + latents.square().sum()).backward()
    assert cascade.dead_parameters() == []
    assert all(p.grad is not None for p in cascade.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_draws_nothing_and_training_draws_from_torch(name: str) -> None:
    encoder = make_test_encoder(name, 3, 8, **SMALL[name])
    values = codes(16).float()
    encoder.eval()
    assert torch.equal(encoder(values), encoder(values))
    encoder.train()
    torch.manual_seed(5)
    first, second = encoder(values), encoder(values)
    dropped = any(isinstance(m, nn.Dropout) for m in encoder.modules())
    assert torch.equal(first, second) == (not dropped)
    torch.manual_seed(5)
    assert torch.equal(encoder(values), first)


@pytest.mark.parametrize("name", NAMES)
def test_batch_of_one_is_a_row_of_a_batch(name: str) -> None:
    encoder = seeded(lambda: make_test_encoder(name, 3, 8, **SMALL[name]))
    values = codes(7)
    whole = encoder(values)
    for row in range(7):
        assert (encoder(values[row : row + 1]) - whole[row]).abs().max() <= 1e-12


def test_wrong_names_and_sizes_say_what_is_allowed() -> None:
    with pytest.raises(
        ValueError, match=r"'residual_a'; did you mean 'residual_ae'\? allowed: 'or"
    ):
        make_test_encoder("residual_a")
    with pytest.raises(ValueError, match=r"'zzz'; allowed: 'original', 'resnorm'"):
        make_test_encoder("zzz")
    with pytest.raises(ValueError, match=r"'original' has no option 'width'; allowed: none"):
        make_test_encoder("original", width=3)
    with pytest.raises(ValueError, match=r"no option 'depth'; allowed: 'width', 'blocks', 'dropou"):
        make_test_encoder("cascade_ae", depth=3)
    with pytest.raises(ValueError, match=r"width is 2; allowed: 4 or more"):
        make_test_encoder("autoencoder", width=2)
    with pytest.raises(ValueError, match=r"width is 0; allowed: 1 or more"):
        make_test_encoder("shared", width=0)
    with pytest.raises(ValueError, match=r"tests is 0 and dim is 36; allowed: 1 or more"):
        make_test_encoder("original", 0)
    with pytest.raises(ValueError, match=r"blocks is 0; allowed: whole numbers of 1 or more"):
        ResidualAE(blocks=0)
    with pytest.raises(ValueError, match=r"widths are \(128,\); allowed: two or more"):
        BaseAutoencoder((128,))
