"""Networks side by side: their features one after another, their scores the mean."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from mineralid.lab.network.lite import LiteNetwork


class JoinedNetwork(nn.Module):
    """Photograph [B, 3, H, W] → (scores [B, C], feature [B, ΣD], feature map [B, ΣD, H/32, W/32]).

    The mean of the members' scores is again one linear head on their features in a row, so that all
    that is made of a network's feature and head is made of this one's as well. Raises ValueError
    for fewer than two members, or for heads of different classes.
    """

    def __init__(self, members: Sequence[LiteNetwork]) -> None:
        super().__init__()
        classes = [member.head.out_features for member in members]
        if len(classes) < 2 or len(set(classes)) > 1:
            raise ValueError(
                f"networks of {classes} classes; allowed: two networks or more, of the same classes"
            )
        self.members = nn.ModuleList(members)
        heads = [member.head for member in members]
        self.head = nn.Linear(sum(head.in_features for head in heads), classes[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([head.weight for head in heads], 1) / len(heads))
            self.head.bias.copy_(torch.stack([head.bias for head in heads]).mean(0))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = [member.features(x) for member in self.members]  # type: ignore[operator]
        feature = torch.cat([feature for feature, _ in found], 1)
        return self.head(feature), feature, torch.cat([part for _, part in found], 1)

    def folded(self) -> JoinedNetwork:
        """Return a copy whose members' adapters are folded into plain weights."""
        plain = JoinedNetwork([member.folded() for member in self.members])  # type: ignore[operator]
        plain.head.load_state_dict(self.head.state_dict())
        return plain


Network = LiteNetwork | JoinedNetwork


def side_by_side(members: Sequence[LiteNetwork]) -> Network:
    """Return networks as one; a single network is itself."""
    return members[0] if len(members) == 1 else JoinedNetwork(members)
