"""What every backbone is: a feature, a map, adapters, freezing, merging, folding."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn
from typing_extensions import Self

from mineralid.lab.network.placement import Site, attach, detach
from mineralid.lab.network.scale_shift import ScaleShift, fold_batch_norm, fold_into

Placement = Literal["none", "affine", "taps"]
PLACEMENTS = ("none", "affine", "taps")


@dataclass(frozen=True)
class Folded:
    """A backbone without adapters that computes the same.

    backbone: a deep copy, plain weights. feature: what is left to apply to its feature [B, D]
    (and to its map): the last tap of a ResNet, whose folding belongs to the layers that read the
    feature; None where nothing is left. kept: channels whose scale is not positive before a
    max-pool, such as "tap 3 channel 17": they stay in the backbone's graph.
    """

    backbone: Backbone
    feature: ScaleShift | None
    kept: tuple[str, ...]


class Backbone(nn.Module, ABC):
    """Images [B, 3, H, W], normalised with `mean` and `std` → feature [B, D].

    name: as given to `build_backbone`. feature_dim: D. mean, std: of the three channels of an
    image in [0, 1]. image_size: height and width, in pixels, that the weights were trained at.
    convolutional: whether all of it is convolutions.
    `model` is the network itself: its state dict has the names of its origin, plus
    `….adapter.scale` and `….adapter.shift` where adapters are.
    """

    convolutional = False

    def __init__(
        self,
        name: str,
        model: nn.Module,
        *,
        feature_dim: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        image_size: int,
        sites: tuple[Site, ...],
        pairs: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__()
        self.name, self.model = name, model
        self.feature_dim, self.mean, self.std, self.image_size = feature_dim, mean, std, image_size
        self._sites = sites
        # Convolutions that a batch norm follows directly, as (convolution, norm).
        self._pairs = pairs
        self._frozen = False

    @abstractmethod
    def feature_and_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the feature [B, D] and the last map [B, D, h, w] in its channels."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature [B, D]."""
        return self.feature_and_map(images)[0]

    def adapters(self) -> dict[str, ScaleShift]:
        """Return the adapters by name, from the image to the feature.

        "tap 1" … "tap 8" on a ResNet; "stem", "stage 1" …, "patch embedding", "final norm" for the
        taps of others; the affine operation's module for `affine`.
        """
        found: dict[str, ScaleShift] = {}
        for site in self._sites:
            adapter = self.model.get_submodule(site.module).adapter
            assert isinstance(adapter, ScaleShift), site
            found[site.name] = adapter
        return found

    def freeze(self) -> Self:
        """Freeze all but the adapters: no gradients; norms and dropout act as in evaluation.

        Holds under `.train()` too, so that neither parameters nor buffers can move.
        """
        self._frozen = True
        self.model.requires_grad_(False)
        for adapter in self.adapters().values():
            adapter.requires_grad_(True)
        return self.train(self.training)

    def unfreeze(self) -> Self:
        """Make everything trainable again; norms and dropout follow `.train()` again."""
        self._frozen = False
        self.model.requires_grad_(True)
        return self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        super().train(mode and not self._frozen)
        self.training = mode
        return self

    def merged(self) -> Self:
        """Return a frozen copy, its batch norms merged into their convolutions, for speed.

        The adapters are the same modules as here, all else is a copy: training the copy's adapters
        trains these. The copy holds the weights of now, on the device of now. A norm with a tap
        between it and its convolution stays. Convolutional networks are laid out channels last,
        which is faster on processors and graphics cards alike (the same numbers to rounding).
        """
        shared: dict[int, object] = {id(a): a for a in self.adapters().values()}
        merged = copy.deepcopy(self, shared)
        between = {site.module for site in self._sites}
        moved: dict[str, str] = {}
        for conv_name, norm_name in self._pairs:
            if conv_name in between:
                continue
            conv = merged.model.get_submodule(conv_name)
            norm = merged.model.get_submodule(norm_name)
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            with torch.random.fork_rng(devices=[]):  # a new layer draws; merging must not
                whole = fold_batch_norm(conv, norm)
            if norm_name in between:
                attach(whole, detach(norm))
                moved[norm_name] = conv_name
            _replace(merged.model, conv_name, whole)
            _replace(merged.model, norm_name, nn.Identity())
        merged._sites = tuple(
            replace(site, module=moved.get(site.module, site.module)) for site in self._sites
        )
        if self.convolutional:
            for module in merged.model.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                elif isinstance(module, nn.ReLU):
                    # It reads what a convolution, a norm, an adapter or a sum wrote for it alone.
                    module.inplace = True
        merged._pairs = tuple(p for p in self._pairs if p[0] in between)
        return merged.freeze()

    @torch.no_grad()
    def folded(self) -> Folded:
        """Return a copy without adapters that computes the same to rounding; see `Folded`.

        Equal to this backbone in evaluation mode, whatever the mode it is in.
        """
        plain = copy.deepcopy(self)
        feature, kept_sites, kept = plain._fold()
        plain._sites = kept_sites
        plain.eval()
        return Folded(plain, feature, kept)

    def _fold(self) -> tuple[ScaleShift | None, tuple[Site, ...], tuple[str, ...]]:
        """Fold every adapter in place; return what is left: for the feature, in the graph."""
        for site in self._sites:
            fold_into(self.model.get_submodule(site.module), self._take(site))
        return None, (), ()

    def _take(self, site: Site) -> ScaleShift:
        """Take the adapter off its place and return it."""
        return detach(self.model.get_submodule(site.module))


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
