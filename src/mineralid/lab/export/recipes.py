"""The networks of a release, as recipes: the members of what ships, and what it is compared with."""

from __future__ import annotations

from mineralid.lab.data.augment import Augmentation
from mineralid.lab.training.recipe import Recipe

# Trained one by one and shipped side by side; chosen on the left-out folds (docs/log.md). The
# second sees harder crops, and of each class every collection about alike: two that err in
# different ways are worth more together.
MEMBERS: dict[str, Recipe] = {
    "ssf": Recipe(),
    "lite2": Recipe(
        backbone="efficientnet-lite2",
        epochs=6,
        collection_power=0.5,
        augmentation=Augmentation(crop=(0.08, 1.0)),
    ),
}
SHIPPED = "+".join(MEMBERS)

# They differ from the first member in nothing else: what tuning the backbone is worth.
ALTERNATIVES: dict[str, Recipe] = {
    "bias": Recipe(adapter="bias"),
    "none": Recipe(adapter="none"),
}
TITLES = {
    SHIPPED: "both, side by side (shipped)",
    "ssf": "Lite0, scale and shift (first release)",
    "lite2": "Lite2, scale and shift",
    "bias": "Lite0, bias only",
    "none": "Lite0, linear probe",
}
