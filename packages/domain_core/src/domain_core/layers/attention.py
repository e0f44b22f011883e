"""Multi-head attention with separate 2-D projections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.key_value_cache import KeyValueCache, WindowCache
from domain_core.layers.projection import (
    bound_dense,
    bound_norm,
    dense,
    like,
    project,
)
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


class Attention(RemembersArguments, keras.layers.Layer):
    """What self-attention and cross-attention share: the projections, and their use.

    Query, key and value are separate 2-D kernels: LoRA, sharding and foreign
    checkpoints then map one to one. A subclass writes `build` and `call`. A block
    that keeps keys and values in a cache calls the two steps of `call` itself, with
    the cache between them.
    """

    num_key_value_heads: int | None = None
    head_dim: int | None = None
    query_initializer: Any = None
    use_bias = True
    use_output_bias = True

    def __init__(
        self,
        num_heads: int,
        *,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed_generator = keras.random.SeedGenerator()

    def build_projections(self, x_shape: Any, source_shape: Any) -> None:
        """Makes the weights.

        Args:
            x_shape: shape of what queries are made of, `(B, T, D)`.
            source_shape: shape of what keys and values are made of, `(B, S, E)`.
        """
        width, heads = x_shape[-1], self.num_heads
        if self.head_dim is None and width % heads:
            raise ValueError(
                f"Expected a width that num_heads={heads} divides, received "
                f"{width}. Change the width of the input (`hidden_dim` of a backbone) "
                "or `num_heads`."
            )
        kept = self.key_heads
        if heads % kept:
            raise ValueError(
                f"Expected `num_key_value_heads` that divide num_heads={heads}, "
                f"received {kept}."
            )
        size = self.head_dim or width // heads
        bias = {"use_bias": self.use_bias}
        self.query = dense(heads * size, "query", self, self.query_initializer, **bias)
        self.key = dense(kept * size, "key", self, **bias)
        self.value = dense(kept * size, "value", self, **bias)
        self.out = dense(width, "out", self, use_bias=self.use_output_bias)
        self.query.build(x_shape)
        self.key.build(source_shape)
        self.value.build(source_shape)
        self.out.build((*x_shape[:-1], heads * size))

    @property
    def key_heads(self) -> int:
        """Number of heads of keys and values, `K`."""
        return self.num_key_value_heads or self.num_heads

    def keys_and_values(self, source: Any) -> tuple[Any, Any]:
        """Returns keys and values `(B, S, K, h)` of a sequence `(B, S, E)`."""
        return (
            self.heads(self.key, self.key_heads)(source),
            self.heads(self.value, self.key_heads)(source),
        )

    def attend(
        self, x: Any, key: Any, value: Any, bias: Any, training: Any = False
    ) -> Any:
        """Lets each position of a sequence attend to keys.

        Args:
            x: tensor `(B, T, D)`.
            key: tensor `(B, S, K, h)`.
            value: tensor `(B, S, K, h)`.
            bias: tensor that broadcasts to `(B, H, T, S)`, or None.
            training: whether to drop probabilities.

        Returns:
            Tensor `(B, T, D)`.
        """
        mixed = ops.attention(
            self.heads(self.query, self.num_heads)(x),
            key,
            value,
            bias,
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator,
        )  # (B, T, H, h)
        return project(self.out, ops.join_heads(mixed), self.dtype_policy)

    def heads(self, layer: keras.layers.Dense, number: int) -> Callable[[Any], Any]:
        """Binds a projection to heads: `(B, T, D)` to `(B, T, number, h)`."""
        projected = bound_dense(layer, self.dtype_policy)
        return lambda x: ops.split_heads(projected(x), number)


@serializable("domain_core")
class SelfAttention(Attention):
    """Multi-head self-attention.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input unless there
            is a `head_dim`.
        dropout: share of the attention probabilities to drop in training.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.
        num_key_value_heads: number of heads of keys and values `K`, each for `H / K`
            of queries; None for `H`.
        head_dim: width `h` of a head; None for `D / H`.
        use_bias: whether queries, keys and values have a bias.
        use_output_bias: whether the output has one; None for `use_bias`.
        rotary: name in the context of the tables by which queries and keys are turned,
            "rotary" or "local_rotary"; None for not at all.
        is_local: whether a token sees those of a window alone.
        scale: factor of the scores; None for `1 / sqrt(h)`.
        soft_cap: bends scores so that none is beyond it; or None.
        query_initializer: a Keras initializer of the queries' kernel; None for
            `kernel_initializer`.
        head_norm: a normalization of each head of queries, and another one of keys,
            before they are turned: a layer of which these are made as it is; or None.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: dict with "attention_bias" (or "window_bias"), which broadcasts to
            `(B, H, T, S)`, or None, and the tables of `rotary`.
        cache: keys and values of earlier tokens; see `KeyValueCache`.

    Returns:
        Tensor `(B, T, D)`.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017; Ainslie et al., GQA, 2023.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        num_key_value_heads: int | None = None,
        head_dim: int | None = None,
        use_bias: bool = True,
        use_output_bias: bool | None = None,
        rotary: str | None = None,
        is_local: bool = False,
        scale: float | None = None,
        soft_cap: float | None = None,
        query_initializer: Any = None,
        head_norm: keras.Layer | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_heads,
            dropout=dropout,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.num_key_value_heads = num_key_value_heads
        self.head_dim = head_dim
        self.use_bias = use_bias
        self.use_output_bias = use_bias if use_output_bias is None else use_output_bias
        self.rotary = rotary
        self.is_local = is_local
        self.scale = scale
        self.soft_cap = soft_cap
        self.query_initializer = keras.initializers.get(query_initializer)
        self.query_norm: Any = None
        self.key_norm: Any = None
        if head_norm is not None:
            self.query_norm = like(head_norm, "query_norm")
            self.key_norm = like(head_norm, "key_norm")

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.build_projections(x_shape, x_shape)
        if self.query_norm is not None:
            size = self.query.units // self.num_heads
            self.query_norm.build((None, None, self.num_heads, size))
            self.key_norm.build((None, None, self.key_heads, size))

    def call(
        self,
        x: Any,
        context: dict[str, Any],
        training: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        return self.bind()(x, context, training, cache)

    def bind(self) -> Callable[..., Any]:
        """Returns the function that `call` is now; see `projection`."""
        policy, drops = self.dtype_policy, self.dropout
        query = self.heads(self.query, self.num_heads)
        key = self.heads(self.key, self.key_heads)
        value = self.heads(self.value, self.key_heads)
        out = bound_dense(self.out, policy)
        query_norm: Any = None
        key_norm: Any = None
        if self.query_norm is not None:
            query_norm = bound_norm(self.query_norm, policy)
            key_norm = bound_norm(self.key_norm, policy)
        rotary, scale, soft_cap = self.rotary, self.scale, self.soft_cap
        bias = "window_bias" if self.is_local else "attention_bias"
        seed = self.seed_generator

        def attend(
            x: Any, context: dict[str, Any], training: Any = False, cache: Any = None
        ) -> Any:
            queries, keys, values = query(x), key(x), value(x)  # (B, T, H, h)
            if query_norm is not None:
                queries, keys = query_norm(queries), key_norm(keys)
            if rotary is not None:
                cos, sin = context[rotary]
                queries = ops.rotate(queries, cos, sin)
                keys = ops.rotate(keys, cos, sin)
            keys, values = ops.heads_first(keys), ops.heads_first(values)
            if cache is not None:
                keys, values = cache.update(keys, values, context)
            mixed = ops.attention(
                queries,
                keys,
                values,
                context[bias],
                dropout=drops if training else 0.0,
                seed=seed,
                scale=scale,
                soft_cap=soft_cap,
                heads_first=True,
                apart=context.get("apart"),
            )
            return out(ops.join_heads(mixed))

        return attend

    def make_cache(self, batch: int, slots: int, window: int | None) -> KeyValueCache:
        """Returns an empty cache.

        Args:
            batch: number of rows `B`.
            slots: number of tokens that it must hold.
            window: of the model; where it is smaller, local attention needs no more.
        """
        kind: type[KeyValueCache] = KeyValueCache
        if self.is_local and window is not None and window < slots:
            kind, slots = WindowCache, window
        shape = (batch, self.key_heads, slots, self.query.units // self.num_heads)
        return kind(*(keras.ops.zeros(shape, self.compute_dtype) for _ in range(2)))

    def probabilities(self, x: Any, bias: Any) -> Any:
        """Returns how much each position attends to which, `(B, H, T, T)`.

        For inspection: fused attention never holds them.
        """
        query, key = (
            self.heads(part, self.num_heads)(x) for part in (self.query, self.key)
        )
        query = keras.ops.transpose(query, (0, 2, 1, 3))
        key = keras.ops.transpose(key, (0, 2, 3, 1))
        scores = keras.ops.matmul(query, key) / query.shape[-1] ** 0.5  # (B, H, T, T)
        return keras.ops.softmax(scores if bias is None else scores + bias, axis=-1)

    def compute_output_spec(
        self, x: Any, context: dict[str, Any], training: bool = False, cache: Any = None
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


@serializable("domain_core")
class CrossAttention(Attention):
    """Multi-head attention of one sequence over another, the source.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input unless there
            is a `head_dim`.
        dropout: share of the attention probabilities to drop in training.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.
        head_dim: width `h` of a head; None for `D / H`.
        use_bias: whether the projections have biases.
        scale: factor of the scores; None for `1 / sqrt(h)`.
        query_initializer: a Keras initializer of the queries' kernel; None for
            `kernel_initializer`.

    Call arguments:
        x: tensor `(B, T, D)`.
        source: tensor `(B, S, E)`.
        context: dict with "attention_bias", which broadcasts to `(B, H, T, S)`, or
            None.

    Returns:
        Tensor `(B, T, D)`.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        head_dim: int | None = None,
        use_bias: bool = True,
        scale: float | None = None,
        query_initializer: Any = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_heads,
            dropout=dropout,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.head_dim = head_dim
        self.use_bias = use_bias
        self.use_output_bias = use_bias
        self.scale = scale
        self.query_initializer = keras.initializers.get(query_initializer)

    def build(self, x_shape: Any, source_shape: Any, context_shape: Any = None) -> None:
        self.build_projections(x_shape, source_shape)

    def call(
        self, x: Any, source: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        bound = {"source": source, "source_bias": context["attention_bias"]}
        return self.bind()(x, bound, training)

    def bind(self) -> Callable[..., Any]:
        """Returns the function of a block; see `projection`.

        It takes `(x, context, training)`. The context has "source", the sequence, or
        what `bind_source` made of it, and "source_bias". In the second case there may
        be several rows of `x` for each of the source, one after the other.
        """
        policy, drops = self.dtype_policy, self.dropout
        query = self.heads(self.query, self.num_heads)
        out = bound_dense(self.out, policy)
        keys_and_values = self.bind_source()
        seed, scale = self.seed_generator, self.scale

        def attend(x: Any, context: dict[str, Any], training: Any = False) -> Any:
            source, queries = context["source"], query(x)  # (B, T, H, h)
            shape, shares = queries.shape, False
            if isinstance(source, tuple):
                rows = source[0].shape[0]
                shares = rows != shape[0]
            else:
                source = keys_and_values(source)
            if shares:  # rows of one source stand where its queries do
                queries = keras.ops.reshape(queries, (rows, -1, *shape[2:]))
            key, value = source
            mixed = ops.attention(
                queries,
                key,
                value,
                context["source_bias"],
                dropout=drops if training else 0.0,
                seed=seed,
                scale=scale,
                heads_first=True,
                apart=context.get("apart"),
            )
            if shares:
                mixed = keras.ops.reshape(mixed, shape)
            return out(ops.join_heads(mixed))

        return attend

    def bind_source(self) -> Callable[[Any], tuple[Any, Any]]:
        """Returns the function from a source to its keys and values `(B, H, S, h)`."""
        key = self.heads(self.key, self.key_heads)
        value = self.heads(self.value, self.key_heads)
        return lambda source: (
            ops.heads_first(key(source)),
            ops.heads_first(value(source)),
        )

    def compute_output_spec(
        self, x: Any, source: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)
