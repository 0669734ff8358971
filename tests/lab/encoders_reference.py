"""Reference for the encoders, the bottleneck and the DMIB: numpy in float64, no torch.

Written from METHOD.md's description (sections 1 and 3) for test_network_test_encoders.py,
test_network_bottleneck.py, test_network_dmib.py and test_network_unified.py. `weights` is a state
dict of arrays, `at` the prefix of a module in it. Run `python tests/lab/encoders_reference.py` to
print the golden numbers that test_network_test_encoders.py holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Array = np.ndarray
Weights = Mapping[str, Array]


def linear(weights: Weights, at: str, x: Array) -> Array:
    return np.einsum("oi,bi->bo", weights[f"{at}weight"], x) + weights[f"{at}bias"]


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.01 * x)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def layer_norm(weights: Weights, at: str, x: Array) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return centred / spread * weights[f"{at}weight"] + weights[f"{at}bias"]


def res_norm(weights: Weights, at: str, x: Array) -> Array:
    y = layer_norm(weights, f"{at}norm_fn1.", relu(linear(weights, f"{at}w1.", x)))
    return x + layer_norm(weights, f"{at}norm_fn2.", relu(linear(weights, f"{at}w2.", y)))


def original_encoder(weights: Weights, at: str, values: Array) -> Array:
    x = layer_norm(weights, f"{at}2.", relu(linear(weights, f"{at}0.", values)))
    return res_norm(weights, f"{at}3.", x)


def shared_encoder(weights: Weights, at: str, x: Array) -> Array:
    for layer in (0, 3, 6):  # Linear, ReLU, dropout (nothing in evaluation)
        x = relu(linear(weights, f"{at}{layer}.", x))
    return linear(weights, f"{at}9.", x)


def base_autoencoder(weights: Weights, at: str, x: Array) -> tuple[Array, Array]:
    latent = relu(linear(weights, f"{at}encoder.2.", relu(linear(weights, f"{at}encoder.0.", x))))
    y = relu(linear(weights, f"{at}decoder.0.", latent))
    return relu(linear(weights, f"{at}decoder.2.", y)), latent


def batch_norm(weights: Weights, at: str, x: Array) -> Array:
    gain = weights[f"{at}weight"] / np.sqrt(weights[f"{at}running_var"] + 1e-5)
    return (x - weights[f"{at}running_mean"]) * gain + weights[f"{at}bias"]


def half(weights: Weights, at: str, x: Array, activation: object, normed: bool) -> Array:
    """Encoder or decoder of three layers, activated but for the last."""
    step = 4 if normed else 3
    for layer in (0, step):
        x = activation(linear(weights, f"{at}{layer}.", x))  # type: ignore[operator]
        if normed:
            x = batch_norm(weights, f"{at}{layer + 2}.", x)
    return linear(weights, f"{at}{2 * step}.", x)


def transition(weights: Weights, at: str, x: Array) -> Array:
    return linear(weights, f"{at}transition.2.", relu(linear(weights, f"{at}transition.0.", x)))


def residual_ae(
    weights: Weights, at: str, x: Array, shared: Array, blocks: int, normed: bool = False
) -> tuple[Array, Array]:
    """All decoders computed, as the method does, though only the last one's output is used."""
    latents, decoded = [], np.zeros_like(x)
    for i in range(blocks):
        latent = half(weights, f"{at}encoders.{i}.", x + (i + 1) * shared, leaky, normed)
        decoded = half(weights, f"{at}decoders.{i}.", latent, relu, normed)
        latents.append(latent)
    output = transition(weights, at, x + blocks * shared + decoded)
    return output, np.concatenate(latents, axis=1)


def cascade_ae(
    weights: Weights, at: str, x: Array, blocks: int, normed: bool = False
) -> tuple[Array, Array]:
    outputs, latents = [x], []
    for i in range(blocks):
        latent = half(weights, f"{at}encoders.{i}.", np.sum(outputs, axis=0), leaky, normed)
        outputs.append(half(weights, f"{at}decoders.{i}.", latent, relu, normed))
        latents.append(latent)
    return transition(weights, at, np.sum(outputs, axis=0)), np.concatenate(latents, axis=1)


def test_encoder(name: str, weights: Weights, values: Array, blocks: int = 0) -> Array:
    """Each block between a Linear from the values and a Linear to the encoder's width."""
    if name == "original":
        return original_encoder(weights, "", values)
    if name == "resnorm":
        return res_norm(weights, "1.", linear(weights, "0.", values))
    if name == "shared":
        return linear(weights, "2.", shared_encoder(weights, "1.", linear(weights, "0.", values)))
    lifted = linear(weights, "lift.", values)
    if name == "autoencoder":
        both = base_autoencoder(weights, "block.", lifted)
    elif name == "residual_ae":
        shared = linear(weights, "lift_shared.", values)
        both = residual_ae(weights, "block.", lifted, shared, blocks)
    else:
        both = cascade_ae(weights, "block.", lifted, blocks)
    return linear(weights, "out.", np.concatenate(both, axis=1))


test_encoder.__test__ = False  # type: ignore[attr-defined]  # not a test, for all its name


def bottleneck(weights: Weights, at: str, fused: Array) -> Array:
    return relu(linear(weights, f"{at}up.0.", relu(linear(weights, f"{at}down.0.", fused))))


def clean_to_bottleneck_kl(clean: Array, through: Array) -> float:
    """Σ_c p(c|v) (log p(c|v) - log p(c|z)), averaged over the rows."""
    p, q = softmax(clean), softmax(through)
    return float((p * (np.log(p) - np.log(q))).sum(axis=1).mean())


def cross_entropy(logits: Array, labels: Array) -> Array:
    return -np.log(softmax(logits)[np.arange(len(labels)), labels])


def dmib(
    weights: Weights, views: Sequence[Array], labels: Array, kept: Array | None = None
) -> tuple[dict[str, Array], dict[str, float]]:
    """Two or more views → named outputs and loss terms of weight 1; a part is on if it has weights.

    kept: [B, V], False where a view is masked; such rows stay out of the views' own terms.
    """
    kept = np.ones((len(labels), len(views)), dtype=bool) if kept is None else kept
    outputs: dict[str, Array] = {}
    terms = dict.fromkeys(("view_ce", "gate_l1", "confidence_mse"), 0.0)
    has = {name.split(".")[0] for name in weights}
    xs = [view * kept[:, i : i + 1] for i, view in enumerate(views)]

    def mean_over_kept(per_row: Array, view: int) -> float:
        rows = per_row[kept[:, view]]
        return float(rows.mean()) if len(rows) else 0.0

    if "feature_gates" in has:
        for i in range(len(xs)):
            gate = sigmoid(linear(weights, f"feature_gates.{i}.", xs[i]))
            terms["gate_l1"] += mean_over_kept(np.abs(gate).mean(axis=1), i)
            xs[i] = xs[i] * gate
    if "self_gates" in has:
        for i in range(len(xs)):
            hidden = np.tanh(linear(weights, f"self_gates.{i}.score.0.", xs[i]))
            attention = softmax(linear(weights, f"self_gates.{i}.score.2.", hidden))
            xs[i] = xs[i] * attention * xs[i].shape[1]
    if "cross_gates" in has:
        gates = []
        for i in range(len(xs)):
            others = np.concatenate([x for j, x in enumerate(xs) if j != i], axis=1)
            gates.append(sigmoid(linear(weights, f"cross_gates.{i}.", others)))
        xs = [x * gate for x, gate in zip(xs, gates, strict=True)]
    for i in range(len(xs)):
        if "view_heads" in has:
            logits = linear(weights, f"view_heads.{i}.", xs[i])
            outputs[f"view_logits_{i}"] = logits
            terms["view_ce"] += mean_over_kept(cross_entropy(logits, labels), i)
        if "confidences" in has:
            confidence = sigmoid(linear(weights, f"confidences.{i}.", xs[i]))[:, 0]
            true = softmax(logits)[np.arange(len(labels)), labels]
            terms["confidence_mse"] += mean_over_kept((confidence - true) ** 2, i)
            xs[i] = xs[i] * confidence[:, None]
    fused = np.concatenate(xs, axis=1)
    outputs |= {"fused": fused, "logits": linear(weights, "head.", fused)}
    terms["ce"] = float(cross_entropy(outputs["logits"], labels).mean())
    if "bottleneck" in has:
        through = linear(weights, "bottleneck_head.", bottleneck(weights, "bottleneck.", fused))
        outputs["bottleneck_logits"] = through
        terms["bottleneck_ce"] = float(cross_entropy(through, labels).mean())
        terms["kl"] = clean_to_bottleneck_kl(outputs["logits"], through)
    needs = {"view_ce": "view_heads", "gate_l1": "feature_gates", "confidence_mse": "confidences"}
    return outputs, {k: v for k, v in terms.items() if needs.get(k, "head") in has}


def waves(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Weights that need no random numbers: sines of the position, each array with its own pace."""
    return {
        name: np.sin(0.7 * (i + 1) + (0.3 + 0.1 * i) * np.arange(np.prod(shape))).reshape(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }


GOLDEN_SHAPES = {
    "0.weight": (4, 3),
    "0.bias": (4,),
    "2.weight": (4,),
    "2.bias": (4,),
    "3.w1.weight": (4, 4),
    "3.w1.bias": (4,),
    "3.w2.weight": (4, 4),
    "3.w2.bias": (4,),
    "3.norm_fn1.weight": (4,),
    "3.norm_fn1.bias": (4,),
    "3.norm_fn2.weight": (4,),
    "3.norm_fn2.bias": (4,),
}
GOLDEN_VALUES = np.array([[3.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


if __name__ == "__main__":
    print("original test encoder, 3 → 4, weights `waves`:")
    print(repr(test_encoder("original", waves(GOLDEN_SHAPES), GOLDEN_VALUES)))
