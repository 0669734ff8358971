"""Backbones, scale-and-shift with its folding, the classifier."""
