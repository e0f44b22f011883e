"""What every backbone promises.

```python
class TestBertBackbone(BackboneContract):
    cls = BertBackbone
    arguments = {"vocabulary_size": 20, ...}
    output_shapes = {"sequence_output": (2, 8, 16), "pooled_output": (2, 16)}
    tensors = 39

    @classmethod
    def inputs(cls):
        return {"token_ids": ...}
```

A backbone of one input or one output gives an array and its shape without a dict. What
stands on the blocks alone is asked once for each kind of block: by `BlockContract`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, ClassVar
from unittest import mock

import keras
import numpy as np
import pytest

from domain_core import registry
from domain_core.serialization import from_json, to_json
from domain_core.testing.values import assert_close, to_numpy
from domain_core.weights.initialization import without_initialization

# Where blocks take the short way through their sublayers.
_SHORT_WAYS = tuple(
    f"domain_core.layers.{place}"
    for place in (
        *("attention.bound_dense", "attention.bound_norm", "attention.project"),
        *("decoder_block.bound_norm", "feed_forward.bound_dense"),
        *("first_token_pooler.project", "residual.normalize"),
        *("text_embedding.normalize", "patch_embedding.bound_conv"),
    )
)


class BackboneContract:
    """Inherited by the test of a backbone.

    Attributes:
        cls: its class.
        arguments: of a tiny one.
        output_shapes: shapes that `inputs` lead to.
        tensors: number of its weights.
    """

    cls: ClassVar[Any]
    arguments: ClassVar[dict[str, Any]]
    output_shapes: ClassVar[Any]
    tensors: ClassVar[int]

    @classmethod
    def inputs(cls) -> Any:
        """Returns one batch of valid inputs."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def backbone(cls) -> Any:
        """A built backbone that tests must not change."""
        return cls.cls(**cls.arguments)

    @pytest.fixture(scope="class")
    @classmethod
    def outputs(cls, backbone: Any) -> Any:
        """Its outputs, of one compiled program."""
        return to_numpy(backbone.predict_on_batch(cls.inputs()))

    @pytest.mark.backends
    def test_output_shapes_and_weight_paths(self, backbone: Any, outputs: Any) -> None:
        shapes = {name: x.shape for name, x in _named(outputs).items()}
        assert shapes == _named(self.output_shapes)
        assert len(backbone.weights) == self.tensors
        self._check_weight_paths(backbone)

    def _check_weight_paths(self, backbone: Any) -> None:
        """Each weight has one name, and sharding rules apply to some."""
        paths = backbone.weight_paths()
        count = len(backbone.weights)
        assert len(paths) == len({w.path for w in backbone.weights}) == count
        assert not [p for p in paths if re.search(r"(dense|normalization)_\d", p)]
        entry = next(e for e in registry.backbones() if e.cls is self.cls)
        for pattern, axes in (entry.sharding or {}).items():
            matched = [p for p in paths if re.fullmatch(pattern, p)]
            assert matched, f"the rule {pattern} matches no weight"
            for path in matched:
                assert len(paths[path].shape) == len(axes)

    def test_config_makes_an_equal_model(self, backbone: Any) -> None:
        config = backbone.get_config()
        again = type(backbone).from_config(config)
        assert again.get_config() == config == from_json(to_json(again)).get_config()
        for name, value in self.arguments.items():
            assert config[name] == value

    def test_preset_round_trip(
        self, backbone: Any, outputs: Any, tmp_path: Any
    ) -> None:
        backbone.save_to_preset(tmp_path / "preset")
        again = self.cls.from_preset(tmp_path / "preset")
        received = again.predict_on_batch(self.inputs())
        assert_close(received, outputs, rtol=0, atol=0)
        assert again.get_config() == backbone.get_config()

    def test_weights_file_round_trip(self, backbone: Any, tmp_path: Any) -> None:
        backbone.save_weights(tmp_path / "b.weights.h5")
        again = self.cls(**self.arguments)
        again.load_weights(tmp_path / "b.weights.h5")
        for mine, theirs in zip(backbone.weights, again.weights, strict=True):
            assert_close(mine, theirs, rtol=0, atol=0)

    def test_loading_draws_no_random_weights(self) -> None:
        constant = ("Zeros", "Ones", "Constant", "Identity", "Initializer")
        with contextlib.ExitStack() as stack:
            draws = [
                stack.enter_context(mock.patch.object(kind, "__call__"))
                for kind in vars(keras.initializers).values()
                if isinstance(kind, type) and kind.__name__ not in constant
            ]
            with without_initialization():
                backbone = self.cls(**self.arguments)
        assert sum(draw.call_count for draw in draws) == 0
        assert not any(np.any(to_numpy(w)) for w in backbone.weights if _is_kernel(w))

    def test_initialization_differs_between_weights(self, backbone: Any) -> None:
        kernels = [to_numpy(w) for w in backbone.weights if _is_kernel(w)]
        assert kernels
        for index, one in enumerate(kernels):
            assert one.std() > 0
            for two in kernels[:index]:
                assert one.shape != two.shape or not np.array_equal(one, two)


class BlockContract(BackboneContract):
    """Inherited by the test of one backbone for each kind of block.

    Attributes:
        short_ways: functions of the family that take the short way through a sublayer
            (`bound_dense`, `normalize`), or say whether to (`takes_short_way`).
        rounding: by how much outputs of both ways may differ.
    """

    short_ways: ClassVar[tuple[str, ...]] = ()
    rounding: ClassVar[float] = 1e-6

    @pytest.mark.backends
    def test_bfloat16(self) -> None:
        for policy, stored in (("bfloat16", "bfloat16"), ("mixed_bfloat16", "float32")):
            half = self.cls(**self.arguments, dtype=policy)
            assert {w.dtype for w in half.weights} == {stored}
            for x in _named(half.output).values():
                assert keras.backend.standardize_dtype(x.dtype) == "bfloat16"
            for x in _named(self._run(half)).values():
                assert np.isfinite(x.astype("float32")).all()
            assert half.get_config()["dtype"] == policy

    @pytest.mark.backends
    def test_short_way_equals_layer_calls(self, backbone: Any, outputs: Any) -> None:
        with _layer_calls(self.short_ways):
            assert_close(
                self._run(backbone), outputs, rtol=self.rounding, atol=self.rounding
            )

    @pytest.mark.backends
    @pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
    def test_int8_takes_the_layer_calls(self) -> None:
        model = self.cls(**self.arguments)
        before = _named(self._run(model))
        model.quantize("int8")
        received = _named(self._run(model))
        with _layer_calls(self.short_ways):
            again = _named(self._run(model))
            assert_close(received, again, rtol=self.rounding, atol=self.rounding)
        for name, x in before.items():
            # 127 steps per row in each of a few layers: a few percent of the range.
            assert np.abs(received[name] - x).max() < 0.1 * np.ptp(x)

    @pytest.mark.backends
    def test_lora_takes_part(self) -> None:
        model = self.cls(**self.arguments)
        weights = len(model.weights)
        adapted = list(_adaptable_layers(model))
        rng = np.random.default_rng(0)
        for layer in adapted:
            layer.enable_lora(2)
            layer.lora_kernel_b.assign(
                rng.normal(size=layer.lora_kernel_b.shape) * 0.05
            )
        received = self._run(model)
        with _layer_calls(self.short_ways):
            assert_close(
                received, self._run(model), rtol=self.rounding, atol=self.rounding
            )
        assert len(model.weights) == weights + 2 * len(adapted)

    def _run(self, model: Any) -> Any:
        """Computes by a program of its own: what is patched now takes effect."""
        graph = keras.Model(model.input, model.output)
        return to_numpy(graph.predict_on_batch(self.inputs()))


def _adaptable_layers(layer: Any) -> Iterator[Any]:
    """Yields the dense and convolution layers inside a model, each once."""
    for part in layer.layers if isinstance(layer, keras.Model) else []:
        yield from _adaptable_parts(part)


def _adaptable_parts(layer: Any) -> Iterator[Any]:
    if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
        yield layer
    for name in sorted({**vars(layer), **vars(layer).get("_modules", {})}):
        part = getattr(layer, name, None)
        if not name.startswith("_") and isinstance(part, keras.Layer):
            yield from _adaptable_parts(part)


def _named(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {"output": values}


def _is_kernel(variable: Any) -> bool:
    return len(variable.shape) > 1


def _layer_calls(short_ways: tuple[str, ...]) -> contextlib.ExitStack:
    """Makes blocks call their sublayers the ordinary way."""
    stack = contextlib.ExitStack()
    for name in (*_SHORT_WAYS, *short_ways):
        ordinary: Any = lambda layer, x, policy: layer(x)  # noqa: E731
        if ".bound_" in name:
            ordinary = _bound_call
        elif name.endswith(".takes_short_way"):
            ordinary = lambda *arguments: False  # noqa: E731
        stack.enter_context(mock.patch(name, ordinary))
    return stack


def _bound_call(layer: Any, policy: Any, activate: Any = None) -> Any:
    return layer if activate is None else lambda x: activate(layer(x))
