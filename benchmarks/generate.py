"""Writing on from a prompt, greedily: ours beside hand-written loops and peers.

    python benchmarks/generate.py --contenders 'ours-*,floor-*' --sizes small
    python benchmarks/generate.py --sizes small,50M,gemma --batches 1,8 --tokens 64,480
    python benchmarks/generate.py --gpu --dtype bfloat16 --sizes gemma-2b,mistral-7b

Every contender gets the same model, float32 unless `--dtype` says otherwise, random
weights, a prompt of 32 random tokens, and writes so many more; no token ends it. Sizes:

  small   Mistral: 8 layers x 256, 8 heads (4 of keys), MLP 688, vocabulary 8192; 10 M
  50M     Mistral: 6 layers x 512, 8 heads (4 of keys), MLP 1376, vocabulary 32768
  gemma   Gemma: 8 layers x 256, 8 heads of 32 (1 of keys), MLP 688, vocabulary 8192
  gemma-2b    Gemma 2B: 18 layers x 2048, 8 heads of 256 (1 of keys), MLP 16384,
              vocabulary 256000
  mistral-7b  Mistral 7B: 32 layers x 4096, 32 heads of 128 (8 of keys), MLP 14336,
              vocabulary 32000

memory              no model: a copy within the memory, reads and writes together of as
                    many bytes as the tokens have to read, all weights once for each
                    (one row of an embedding that is not the output's) and what the
                    caches hold on average. No model is faster at a few rows.
ours                `CausalLM.generate` on a dict of ids; `-compiled` with
                    `jit_compile=True` (on JAX and TensorFlow always).
floor-torch         plain torch written for the purpose: packed projections, caches in
                    place over the filled prefix, rotary tables once, no modules;
                    `-compiled`: its step through `torch.compile`, on a GPU replayed
                    as a CUDA graph.
floor-jax           plain JAX: packed projections, caches of each layer in the carry of
                    one loop per 64 tokens, which grow between; one program.
transformers        `generate` with its dynamic cache; `-static` with its static one,
                    which it compiles by itself on a GPU.
keras-hub           `generate_step` of its causal language model, on the same ids.

The time is that of one call, prompt included. "first call" holds compilation.

With `--fit`, one training step on 8 rows of 128 tokens, too, of both Keras libraries:
`train_on_batch` with Adam at 5e-5, without metrics.
"""

import argparse
import functools
from typing import Any

import harness
import numpy as np
from harness import Contender, Measurements

SIZES = {
    "small": {
        "layers": 8,
        "width": 256,
        "heads": 8,
        "kept": 4,
        "inner": 688,
        "v": 8192,
    },
    "50M": {
        "layers": 6,
        "width": 512,
        "heads": 8,
        "kept": 4,
        "inner": 1376,
        "v": 32768,
    },
    "gemma": {
        "layers": 8,
        "width": 256,
        "heads": 8,
        "kept": 1,
        "inner": 688,
        "v": 8192,
    },
    "gemma-2b": {
        "layers": 18,
        "width": 2048,
        "heads": 8,
        "kept": 1,
        "inner": 16384,
        "v": 256000,
    },
    "mistral-7b": {
        "layers": 32,
        "width": 4096,
        "heads": 32,
        "kept": 8,
        "inner": 14336,
        "v": 32000,
    },
}
PROMPT = 32


def is_gemma(size: str) -> bool:
    """Returns whether a size is one of Gemma, else it is one of Mistral."""
    return size.startswith("gemma")


def numbers_read(size: str, batch: int, tokens: int) -> int:
    """Returns how many numbers a step reads on average, of weights and caches."""
    s = SIZES[size]
    width, kept = s["width"], s["kept"] * s["width"] // s["heads"]
    block = 2 * width * (width + kept) + 3 * width * s["inner"] + 2 * width
    cache = 2 * kept * batch * (PROMPT + tokens // 2)
    return s["layers"] * (block + cache) + width * s["v"] + width


def device() -> str:
    """Returns where torch computes; without `--gpu` there is none to be seen."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def cases(options: argparse.Namespace) -> list[tuple[str, int, int]]:
    """Returns size, batch and number of tokens of each measurement."""
    return [
        (size, batch, tokens)
        for size in options.sizes
        for batch in options.batches
        for tokens in options.tokens
    ]


def prompts(size: str, batch: int) -> np.ndarray:
    """Returns ids, int32 `(batch, PROMPT)`."""
    draw = np.random.default_rng(0)
    return draw.integers(3, SIZES[size]["v"], (batch, PROMPT)).astype("int32")


def measure(
    options: argparse.Namespace, make: Any, trained: Any = None
) -> Measurements:
    """`make(size)` returns a function of `(ids, number of tokens)`.

    `trained(size)` returns a compiled Keras model that takes ids.
    """
    made = {size: make(size) for size in options.sizes}
    measurements: Measurements = {
        f"{size} batch {batch}, {tokens} tokens": functools.partial(
            made[size], prompts(size, batch), tokens
        )
        for size, batch, tokens in cases(options)
    }
    if options.fit and trained is not None:
        for size in options.sizes:
            draw = np.random.default_rng(1)
            ids = draw.integers(3, SIZES[size]["v"], (8, 128)).astype("int32")
            inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
            measurements[f"{size} training step"] = functools.partial(
                trained(size).train_on_batch, inputs, np.roll(ids, -1, 1)
            )
    return measurements


# --- Keras ----------------------------------------------------------------------------


def arguments(size: str, dtype: str) -> dict[str, Any]:
    """Returns those of a backbone, the same here and in keras-hub."""
    s = SIZES[size]
    shared = {
        "vocabulary_size": s["v"],
        "num_layers": s["layers"],
        "num_query_heads": s["heads"],
        "num_key_value_heads": s["kept"],
        "hidden_dim": s["width"],
        "dtype": dtype,
    }
    if is_gemma(size):
        head = s["width"] // s["heads"]
        return {**shared, "intermediate_dim": 2 * s["inner"], "head_dim": head}
    return {**shared, "intermediate_dim": s["inner"], "sliding_window": 4096}


def build_ours(options: argparse.Namespace, compiled: bool = False) -> Measurements:
    """Our causal language model on the active backend."""
    from keras_nlp import models

    def untrained(size: str) -> Any:
        family = "Gemma" if is_gemma(size) else "Mistral"
        backbone = getattr(models, f"{family}Backbone")(
            **arguments(size, options.dtype)
        )
        return getattr(models, f"{family}CausalLM")(backbone)

    def trained(size: str) -> Any:
        model = untrained(size)
        model.compile(weighted_metrics=None)
        return model

    def make(size: str) -> Any:
        model = untrained(size)
        model.compile(sampler="greedy", **({"jit_compile": True} if compiled else {}))

        def generate(ids: np.ndarray, tokens: int) -> Any:
            inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
            return model.generate(inputs, max_new_tokens=tokens, stop_token_ids=None)

        return generate

    return measure(options, make, trained)


def build_keras_hub(options: argparse.Namespace) -> Measurements:
    """keras-hub's causal language model on the active backend."""
    import keras
    import keras_hub

    def untrained(size: str) -> Any:
        family = "Gemma" if is_gemma(size) else "Mistral"
        backbone = getattr(keras_hub.models, f"{family}Backbone")(
            **arguments(size, options.dtype)
        )
        return getattr(keras_hub.models, f"{family}CausalLM")(
            backbone=backbone, preprocessor=None
        )

    def trained(size: str) -> Any:
        model = untrained(size)
        model.compile(
            optimizer=keras.optimizers.Adam(5e-5),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=None,
        )
        return model

    def make(size: str) -> Any:
        model = untrained(size)
        model.compile(sampler="greedy")

        def generate(ids: np.ndarray, tokens: int) -> Any:
            room = ((0, 0), (0, tokens))
            inputs = {
                "token_ids": np.pad(ids, room),
                "padding_mask": np.pad(np.ones_like(ids), room),
            }
            outputs = model.generate(inputs, stop_token_ids=None)
            return keras.ops.convert_to_numpy(outputs["token_ids"])

        return generate

    return measure(options, make, trained)


# --- torch ----------------------------------------------------------------------------


def build_memory(options: argparse.Namespace) -> Measurements:
    """Copies that move as many bytes as the tokens have to read."""
    import torch

    torch.set_num_threads(1)

    def make(size: str) -> Any:
        def move(ids: np.ndarray, tokens: int) -> Any:
            half = numbers_read(size, len(ids), tokens) // 2
            for _ in range(tokens):
                target[:half].copy_(source[:half])
            return target[:1].cpu()  # waits

        largest = max(numbers_read(*case) for case in cases(options))
        source, target = (
            torch.ones(largest // 2, dtype=getattr(torch, options.dtype)).to(device())
            for _ in range(2)
        )
        return move

    return measure(options, make)


def build_transformers(
    options: argparse.Namespace, static: bool = False
) -> Measurements:
    """Transformers' `generate`, eager, with fused attention."""
    import torch
    import transformers

    torch.set_num_threads(1)

    def make(size: str) -> Any:
        s = SIZES[size]
        shared = {
            "vocab_size": s["v"],
            "hidden_size": s["width"],
            "num_hidden_layers": s["layers"],
            "num_attention_heads": s["heads"],
            "num_key_value_heads": s["kept"],
            "intermediate_size": s["inner"],
            "attn_implementation": "sdpa",
        }
        if is_gemma(size):
            config = transformers.GemmaConfig(
                **shared, head_dim=s["width"] // s["heads"]
            )
        else:
            config = transformers.MistralConfig(**shared, sliding_window=4096)
        with torch.device(device()):
            model = transformers.AutoModelForCausalLM.from_config(
                config, dtype=getattr(torch, options.dtype)
            )
        model.eval()
        model.generation_config.eos_token_id = None
        cache: dict[str, Any] = {}
        if static:
            cache = {"cache_implementation": "static"}
            if device() == "cpu":
                cache["disable_compile"] = True

        def generate(ids: np.ndarray, tokens: int) -> Any:
            tensor = torch.from_numpy(ids).long().to(device())
            with torch.inference_mode():
                found = model.generate(
                    tensor,
                    attention_mask=torch.ones_like(tensor),
                    do_sample=False,
                    max_new_tokens=tokens,
                    pad_token_id=0,
                    **cache,
                )
            assert found.shape[1] == ids.shape[1] + tokens
            return found.cpu().numpy()

        return generate

    return measure(options, make)


def build_floor_torch(
    options: argparse.Namespace, compiled: bool = False
) -> Measurements:
    """The hand-written loop."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)

    def make(size: str) -> Any:
        s = SIZES[size]
        width, heads, kept = s["width"], s["heads"], s["kept"]
        h = width // heads
        gated = functools.partial(F.gelu, approximate="tanh")
        activate = gated if is_gemma(size) else F.silu
        dtype = getattr(torch, options.dtype)
        on_gpu = device() == "cuda"

        def weight(*shape: int) -> Any:
            return torch.randn(shape, dtype=dtype) * 0.02

        with torch.device(device()):
            layers = [
                (
                    torch.ones(width, dtype=dtype),
                    weight((heads + 2 * kept) * h, width),
                    weight(width, heads * h),
                    torch.ones(width, dtype=dtype),
                    weight(2 * s["inner"], width),
                    weight(width, s["inner"]),
                )
                for _ in range(s["layers"])
            ]
            table, last = weight(s["v"], width), torch.ones(width, dtype=dtype)
            head = table if is_gemma(size) else weight(s["v"], width)
            rates = 10000.0 ** (-torch.arange(0, h, 2) / h)
            signs = torch.cat([-torch.ones(h // 2), torch.ones(h // 2)])

        def block(layer: Any, x: Any, cos: Any, sin: Any, cache: Any, at: Any) -> Any:
            norm, qkv, out, norm2, gate_up, down = layer
            keys, values = cache
            batch, time = x.shape[:2]
            mixed = F.linear(F.rms_norm(x, (width,), norm, 1e-6), qkv)
            mixed = mixed.view(batch, time, heads + 2 * kept, h).transpose(1, 2)
            turned, new = mixed.split((heads + kept, kept), 1)
            turned = torch.addcmul(turned * cos, torch.roll(turned, h // 2, -1), sin)
            query, key = turned.split((heads, kept), 1)
            if compiled and time == 1:
                keys.index_copy_(2, at, key)
                values.index_copy_(2, at, new)
                mask = torch.arange(keys.shape[2], device=at.device) <= at
                mask = torch.where(mask, 0.0, -1e9)[None, None, None].to(dtype)
                past = keys, values
            else:
                keys[:, :, at : at + time] = key
                values[:, :, at : at + time] = new
                past, mask = (keys[:, :, : at + time], values[:, :, : at + time]), None
            if time == 1:
                query = query.reshape(batch, kept, heads // kept, h)
                y = F.scaled_dot_product_attention(query, *past, attn_mask=mask)
                y = y.reshape(batch, 1, width)
            else:
                y = F.scaled_dot_product_attention(
                    query, *past, is_causal=True, enable_gqa=True
                )
                y = y.transpose(1, 2).reshape(batch, time, width)
            x = x + F.linear(y, out)
            gate, up = F.linear(F.rms_norm(x, (width,), norm2, 1e-6), gate_up).chunk(
                2, -1
            )
            return x + F.linear(activate(gate) * up, down)

        def step(ids: Any, cos: Any, sin: Any, caches: Any, at: Any) -> Any:
            x = F.embedding(ids, table)
            if is_gemma(size):
                x = x * width**0.5
            for layer, cache in zip(layers, caches, strict=True):
                x = block(layer, x, cos, sin, cache, at)
            return F.linear(F.rms_norm(x[:, -1:], (width,), last, 1e-6), head).argmax(
                -1
            )

        fast = torch.compile(step, fullgraph=True) if compiled else step

        def compiled_steps(
            token: Any, cos: Any, sin: Any, caches: Any, places: range
        ) -> list[Any]:
            place = torch.tensor([places[0]])
            found = []

            def run() -> None:
                token.copy_(fast(token, cos[place], sin[place], caches, place))
                place.add_(1)

            graph = None
            for _ in places:
                if graph is not None:
                    graph.replay()
                else:
                    run()
                    if on_gpu:
                        graph = torch.cuda.CUDAGraph()
                        with torch.cuda.graph(graph):
                            run()
                found.append(token.clone())
            return found

        def generate(ids: np.ndarray, tokens: int) -> Any:
            with torch.inference_mode(), torch.device(device()):
                batch, size = ids.shape
                total = size + tokens
                angles = torch.arange(total)[:, None] * torch.cat((rates, rates))
                cos = torch.cos(angles).to(dtype)
                sin = (torch.sin(angles) * signs).to(dtype)
                shape = (batch, kept, total, h)
                caches = [
                    (torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))
                    for _ in layers
                ]
                prompt = torch.from_numpy(ids).long().to(device())
                token = step(prompt, cos[:size], sin[:size], caches, 0)
                found = [token.clone()]
                places = range(size, total - 1)
                if compiled:
                    found += compiled_steps(token, cos, sin, caches, places)
                else:
                    for at in places:
                        here = slice(at, at + 1)
                        token = step(token, cos[here], sin[here], caches, at)
                        found.append(token)
                return torch.cat(found, 1).cpu().numpy()

        return generate

    return measure(options, make)


# --- JAX ------------------------------------------------------------------------------


def build_floor_jax(options: argparse.Namespace) -> Measurements:
    """The hand-written program."""
    import jax
    import jax.numpy as jnp

    def make(size: str) -> Any:
        s = SIZES[size]
        width, heads, kept = s["width"], s["heads"], s["kept"]
        h, groups = width // heads, heads // kept
        activate = jax.nn.gelu if is_gemma(size) else jax.nn.silu
        dtype = options.dtype

        def weight(*shape: int) -> Any:
            return jax.random.normal(jax.random.key(0), shape, dtype) * 0.02

        def ones() -> Any:
            return jnp.ones(width, dtype)

        weights = {
            "layers": [
                (
                    ones(),
                    weight(width, (heads + 2 * kept) * h),
                    weight(heads * h, width),
                    ones(),
                    weight(width, 2 * s["inner"]),
                    weight(s["inner"], width),
                )
                for _ in range(s["layers"])
            ],
            "table": weight(s["v"], width),
            "norm": ones(),
        }
        if not is_gemma(size):
            weights["head"] = weight(width, s["v"])
        rates = 10000.0 ** (-jnp.arange(0, h, 2) / h)

        def rms(x: Any, scale: Any) -> Any:
            y = x.astype("float32")
            y = y * jax.lax.rsqrt((y * y).mean(-1, keepdims=True) + 1e-6)
            return y.astype(dtype) * scale

        def forward(weights: Any, ids: Any, caches: Any, at: Any) -> Any:
            batch, time = ids.shape
            x = weights["table"][ids]
            if is_gemma(size):
                x = x * width**0.5
            positions = at + jnp.arange(time)
            angles = positions[:, None] * rates
            cos = jnp.cos(angles)[:, None].astype(dtype)
            sin = jnp.sin(angles)[:, None].astype(dtype)
            new = []
            for layer, (keys, values) in zip(weights["layers"], caches, strict=True):
                norm, qkv, out, norm2, gate_up, down = layer
                mixed = (rms(x, norm) @ qkv).reshape(batch, time, -1, h)
                turned = mixed[:, :, : heads + kept]
                a, b = jnp.split(turned, 2, -1)
                turned = jnp.concatenate((a * cos - b * sin, b * cos + a * sin), -1)
                query, key = turned[:, :, :heads], turned[:, :, heads:]
                value = mixed[:, :, heads + kept :]
                places = (0, at, 0, 0)
                keys = jax.lax.dynamic_update_slice(keys, key, places)
                values = jax.lax.dynamic_update_slice(values, value, places)
                query = query.reshape(batch, time, kept, groups, h)
                scores = jnp.einsum("btkgh,bskh->bkgts", query, keys) / h**0.5
                seen = positions[:, None] >= jnp.arange(keys.shape[1])[None, :]
                shares = jax.nn.softmax(jnp.where(seen, scores, -1e9), -1)
                y = jnp.einsum("bkgts,bskh->btkgh", shares, values)
                x = x + y.reshape(batch, time, width) @ out
                gate, up = jnp.split(rms(x, norm2) @ gate_up, 2, -1)
                x = x + (activate(gate) * up) @ down
                new.append((keys, values))
            x = rms(x[:, -1], weights["norm"])
            head = weights["table"].T if is_gemma(size) else weights["head"]
            return (x @ head).argmax(-1).astype("int32"), new

        @functools.partial(jax.jit, static_argnums=2)
        def program(weights: Any, ids: Any, tokens: int) -> Any:
            batch, length = ids.shape
            total = length + tokens
            room = -(-length // 64) * 64
            shape = (batch, room, kept, h)
            caches = [
                (jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))
                for _ in weights["layers"]
            ]
            token, caches = forward(weights, ids, caches, 0)
            found = jnp.zeros((batch, total), "int32").at[:, length].set(token)
            at = length
            while at < total - 1:
                end = min(room, total - 1)

                def body(carry: Any) -> Any:
                    at, found, caches = carry
                    token = jax.lax.dynamic_slice(found, (0, at), (batch, 1))
                    new, caches = forward(weights, token, caches, at)
                    found = jax.lax.dynamic_update_slice(
                        found, new[:, None], (0, at + 1)
                    )
                    return at + 1, found, caches

                _, found, caches = jax.lax.while_loop(
                    lambda carry, end=end: carry[0] < end, body, (at, found, caches)
                )
                at, room = end, room + 64
                caches = jax.tree.map(
                    lambda c: jnp.pad(c, ((0, 0), (0, 64), (0, 0), (0, 0))), caches
                )
            return found[:, length:]

        return lambda ids, tokens: np.asarray(program(weights, ids, tokens))

    return measure(options, make)


# --- the command ----------------------------------------------------------------------


def _backend(name: str) -> dict[str, str]:
    return {"KERAS_BACKEND": name}


CONTENDERS = [
    Contender("floor-torch", build_floor_torch, packages=("torch",)),
    Contender(
        "floor-torch-compiled", functools.partial(build_floor_torch, compiled=True)
    ),
    Contender("floor-jax", build_floor_jax, packages=("jax",)),
    Contender(
        "ours-torch",
        build_ours,
        _backend("torch"),
        ("keras",),
        ("floor-torch", "transformers", "keras-hub-torch"),
    ),
    Contender(
        "ours-torch-compiled",
        functools.partial(build_ours, compiled=True),
        _backend("torch"),
        baselines=("floor-torch-compiled",),
    ),
    Contender(
        "ours-jax",
        build_ours,
        _backend("jax"),
        baselines=("floor-jax", "keras-hub-jax"),
    ),
    Contender(
        "ours-tensorflow",
        build_ours,
        _backend("tensorflow"),
        ("tensorflow",),
        ("floor-jax", "keras-hub-tensorflow"),
    ),
    Contender("transformers", build_transformers, packages=("transformers",)),
    Contender(
        "transformers-static", functools.partial(build_transformers, static=True)
    ),
    *(
        Contender(
            f"keras-hub-{backend}", build_keras_hub, _backend(backend), ("keras-hub",)
        )
        for backend in ("torch", "jax", "tensorflow")
    ),
    Contender("memory", build_memory),
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds what to measure."""

    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    parser.add_argument(
        "--sizes",
        type=lambda text: text.split(","),
        default=["small"],
        help=f"of {', '.join(SIZES)}; default: small",
    )
    parser.add_argument("--batches", type=numbers, default=[1], help="default: 1")
    parser.add_argument(
        "--dtype", default="float32", help="that models compute in; default: float32"
    )
    parser.add_argument("--fit", action="store_true", help="training steps, too")
    parser.add_argument(
        "--tokens", type=numbers, default=[64], help="to write; default: 64"
    )


def tokens_of(measurement: str) -> int | None:
    """Returns how many tokens each row of a measurement gets; None in training."""
    *_, number, unit = measurement.split()
    return int(number) if unit == "tokens" else None


if __name__ == "__main__":
    harness.main(__doc__, CONTENDERS, configure, harness.Per("token", tokens_of))
