"""Logarithms of softmax probabilities and of their complements, finite for any finite logits."""

from __future__ import annotations

import torch


def log_rest(logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return log(1 - p) [B] of the one class a row that the mask chosen [B, C] marks; C >= 2.

    As a sum over the other classes: 1 - p itself is 0 to rounding where p is near 1.
    """
    rest = logits.masked_fill(chosen, -torch.inf)
    return rest.logsumexp(1) - logits.logsumexp(1)


def log_complement(logits: torch.Tensor) -> torch.Tensor:
    """Return log(1 - p) [B, C] of every class; C >= 2."""
    classes = torch.arange(logits.shape[1], device=logits.device)
    top = logits.argmax(1, keepdim=True) == classes
    # Only the likeliest class of a row can be above 1/2; of the others 1 - p loses nothing.
    p = logits.log_softmax(1).exp().masked_fill(top, 0.0)
    return torch.where(top, log_rest(logits, top).unsqueeze(1), torch.log1p(-p))
