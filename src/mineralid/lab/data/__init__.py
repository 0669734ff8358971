"""Manifests, splits by specimen and by collection, augmentation, batches."""
