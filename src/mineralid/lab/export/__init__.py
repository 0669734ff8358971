"""Folding → ONNX → bundle, with parity check and model card."""
