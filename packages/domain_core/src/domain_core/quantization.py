"""Models of quantized layers, as a dtype policy says and as configs keep it.

Keras quantizes layers that are built, and its layers under a policy map with quantized
entries save half of what they hold. So a model that is asked for by such a policy is
built under the policy behind it, and its layers are quantized then; its config says by
a policy map, under the paths of the layers, which they were.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import keras

from domain_core.weights.weight_paths import layers_of

_Map = keras.dtype_policies.DTypePolicyMap
_MODES = ("int8", "int4", "float8")


def is_quantized(policy: Any) -> bool:
    """Whether a dtype policy, or an entry of a map, quantizes."""
    if isinstance(policy, _Map):
        policies = [policy.default_policy, *(policy[path] for path in policy)]
        return any(entry.quantization_mode is not None for entry in policies)
    return keras.dtype_policies.get(policy).quantization_mode is not None


def without_quantization(policy: Any) -> Any:
    """Returns the dtype policy that a quantized one, or a map, is made from.

    Raises:
        ValueError: if a map has entries of another precision beside quantized ones.
    """
    policy = keras.dtype_policies.get(policy)
    if not isinstance(policy, _Map):
        if policy.quantization_mode is None:
            return policy
        return keras.dtype_policies.get(policy.get_config()["source_name"])
    default = without_quantization(policy.default_policy)
    for path in policy:
        if policy[path].quantization_mode is None and policy[path] != default:
            raise ValueError(
                "Expected a dtype policy map of quantized entries over one precision, "
                f"{default.name!r}; received {policy[path].name!r} for {path!r}. Leave "
                "out the one or the other."
            )
    return default


def quantize_by_policy(model: keras.Model, policy: Any) -> None:
    """Quantizes the layers of a built model as a dtype policy says.

    Args:
        model: built `without_quantization`.
        policy: a quantized policy, for all layers that can be; or a map, by their
            paths, whose default counts likewise.
    """
    policy = keras.dtype_policies.get(policy)
    if not isinstance(policy, _Map):
        _quantize(model, policy)
        return
    entries: list[tuple[str | None, Any]] = [(path, policy[path]) for path in policy]
    entries.append((None, policy.default_policy))
    for path, entry in entries:
        if entry.quantization_mode is not None:
            layers = layers_of(model)
            paths = {str(la.path) for la in layers if _key(policy, la.path) == path}
            _quantize(model, entry, paths)


def quantize_layers(model: keras.Model, policies: Mapping[str, str] | None) -> None:
    """Quantizes layers by their paths; the inverse of `quantized_layers`."""
    for path, policy in (policies or {}).items():
        _quantize(model, keras.dtype_policies.get(policy), {path})


def quantized_layers(
    model: keras.Layer, exclude: keras.Layer | None = None
) -> dict[str, str]:
    """Returns the quantized policies of a model's layers, by their paths.

    Args:
        model: a model.
        exclude: a part to leave out.

    Raises:
        ValueError: if a layer is quantized in a way that its policy does not say.
    """
    return {
        str(layer.path): _checked_name(layer)
        for layer in layers_of(model, exclude)
        if layer.quantization_mode is not None
    }


def policy_of(model: keras.Model) -> Any:
    """Returns the dtype policy that makes a model of the same layers."""
    policy = model.dtype_policy
    if isinstance(policy, _Map) and not is_quantized(policy):
        return policy
    layers = quantized_layers(model)
    if not layers:
        return policy
    members = {path: keras.dtype_policies.get(name) for path, name in layers.items()}
    return _Map(without_quantization(policy), members)


def _quantize(
    model: keras.Model, policy: Any, paths: Collection[str] | None = None
) -> None:
    """Quantizes layers at some paths, or all, as far as they can be and are not yet."""
    mode = policy.quantization_mode
    tables = (keras.layers.Embedding, keras.layers.ReversibleEmbedding)

    def can_be(layer: keras.Layer) -> bool:
        return (
            (paths is None or layer.path in paths)
            and layer.quantization_mode is None
            and type(layer).quantize is not keras.Layer.quantize
            and not (mode == "float8" and isinstance(layer, tables))
        )

    if mode not in _MODES:
        raise ValueError(
            f"Expected a dtype policy of one of the modes {_MODES}, received "
            f"{policy.name!r}, which needs data to calibrate with. Call `quantize` on "
            "the model."
        )
    config = None
    if isinstance(policy, keras.dtype_policies.Int4DTypePolicy):
        config = keras.quantizers.Int4QuantizationConfig(block_size=policy.block_size)
    model.quantize(mode if config is None else None, config=config, filters=can_be)


def _key(policies: Any, path: str | None) -> str | None:
    """Returns the entry of a map that counts for a path; None for the default."""
    if path in policies:
        return path
    return next((key for key in policies if re.fullmatch(key, path or "")), None)


def _checked_name(layer: keras.Layer) -> str:
    policy = layer.dtype_policy
    if isinstance(policy, _Map):
        raise ValueError(
            f"Expected the layer {layer.path!r}, which is quantized, under a plain "
            "dtype policy; the model was made under a map. Make it without the map, "
            "and quantize it then."
        )
    name: str = policy.name
    expected = keras.dtype_policies.get(name)
    if policy.quantization_mode not in _MODES or expected != policy:
        raise ValueError(
            f"Expected layers quantized to one of {_MODES} as Keras does by default, "
            f"received {name!r} for {layer.path!r}. Such a model can't be made from a "
            "config: save its weights alone, before it was quantized."
        )
    if _has_own_quantizers(layer):
        raise ValueError(
            f"Expected layers quantized as Keras does by default; {layer.path!r} has "
            "quantizers of its own, which its policy does not say. Save the model "
            "before it is quantized."
        )
    return name


def _has_own_quantizers(layer: Any) -> bool:
    config = layer.quantization_config
    if config is None:
        return False
    usual = type(config)()
    return any(
        _quantizer(getattr(config, name)) != _quantizer(getattr(usual, name))
        for name in ("weight_quantizer", "activation_quantizer")
    )


def _quantizer(quantizer: Any) -> Any:
    return None if quantizer is None else (type(quantizer), quantizer.get_config())
