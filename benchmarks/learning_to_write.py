"""A small GPT-2 learns to write: ours beside the same model in plain PyTorch.

    KERAS_BACKEND=torch python benchmarks/learning_to_write.py tinyshakespeare.txt
    KERAS_BACKEND=jax python benchmarks/learning_to_write.py tinyshakespeare.txt

Both start from the same weights and see the same batches in the same order, with Adam
at the same rate and without dropout. It prints their losses side by side, by how much
they differ at most, and what both write afterwards from one prompt, greedily and by the
same draws.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
import torch.nn.functional as F

import keras_nlp

EXAMPLES = Path(__file__).parent.parent / "examples"
HEADS = 4


def main() -> None:
    """Trains both and compares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="a text file")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    sys.path.insert(0, str(EXAMPLES))
    import write_plays

    text = options.text.read_text(encoding="utf-8")
    model, passages = write_plays.make_model(text, 1000, layers=3, width=128)
    inputs, labels, _ = model.preprocessor(passages[:-1])
    order = (
        np.random.default_rng(0)
        .permuted(
            np.tile(
                np.arange(len(labels)),
                (-(-options.steps * options.batch // len(labels)), 1),
            ),
            axis=1,
        )
        .ravel()
    )
    batches = order[: options.steps * options.batch].reshape(options.steps, -1)
    weights = {
        path: keras.ops.convert_to_numpy(weight).copy()
        for path, weight in model.backbone.weight_paths().items()
    }

    started = time.process_time()
    # It gets ids: the batches are to be the same.
    trained = keras_nlp.models.GPT2CausalLM(model.backbone)
    trained.compile(
        optimizer=keras.optimizers.Adam(options.rate), weighted_metrics=None
    )
    ours = []
    for rows in batches:
        batch = {key: value[rows] for key, value in inputs.items()}
        result = trained.train_on_batch(batch, labels[rows], return_dict=True)
        ours.append(float(result["loss"]))
    seconds = time.process_time() - started
    started = time.process_time()
    plain = Plain(weights)
    optimizer = torch.optim.Adam(plain.parameters(), lr=options.rate, eps=1e-7)
    theirs = []
    for rows in batches:
        scores = plain(torch.from_numpy(inputs["token_ids"][rows]).long())
        target = torch.from_numpy(labels[rows]).long()
        loss = F.cross_entropy(scores.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        theirs.append(loss.item())
    plain_seconds = time.process_time() - started

    print(f"| step | ours ({keras.backend.backend()}) | plain PyTorch |")
    print("| ---: | ---: | ---: |")
    for step in sorted({0, *range(49, options.steps, 50), options.steps - 1}):
        print(f"| {step + 1} | {ours[step]:.4f} | {theirs[step]:.4f} |")
    apart = np.abs(np.array(ours) / np.array(theirs) - 1)
    print(f"\nat most {apart.max():.3%} apart, in {options.steps} steps")
    print(f"{seconds:.0f} s of CPU, {plain_seconds:.0f} s in plain PyTorch\n")
    prompt = "ROMEO:\n"
    ids = model.preprocessor.tokenizer(prompt)
    mine = model.generate(
        prompt, max_new_tokens=80, temperature=0.0, stop_token_ids=None
    )
    print(f"ours, greedily:\n{mine}\n")
    written = model.preprocessor.texts([plain.write(ids, 80)])[0]
    print(f"plain PyTorch, greedily:\n{written}")


class Plain(torch.nn.Module):
    """The same GPT-2, of modules of torch."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        tensors = {path: torch.from_numpy(array) for path, array in weights.items()}
        self.weights = torch.nn.ParameterDict(
            {
                path.replace(".", "/"): torch.nn.Parameter(t)
                for path, t in tensors.items()
            }
        )
        self.layers = 1 + max(
            int(path.split(".")[1]) for path in weights if path.startswith("blocks")
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Returns the scores after each token."""

        def of(path: str) -> torch.Tensor:
            return self.weights[path.replace(".", "/")]

        def linear(path: str, x: torch.Tensor) -> torch.Tensor:
            return x @ of(f"{path}.kernel") + of(f"{path}.bias")

        def norm(path: str, x: torch.Tensor) -> torch.Tensor:
            return F.layer_norm(
                x, x.shape[-1:], of(f"{path}.gamma"), of(f"{path}.beta"), 1e-5
            )

        table = of("embeddings.token_embedding.embeddings")
        x = table[ids] + of("embeddings.positions")[: ids.shape[1]]
        for index in range(self.layers):
            block = f"blocks.{index}"
            y = norm(f"{block}.attention_norm", x)
            query, key, value = (
                linear(f"{block}.attention.{part}", y)
                .unflatten(-1, (HEADS, -1))
                .transpose(1, 2)
                for part in ("query", "key", "value")
            )
            y = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + linear(f"{block}.attention.out", y.transpose(1, 2).flatten(2))
            y = norm(f"{block}.feedforward_norm", x)
            y = F.gelu(linear(f"{block}.feedforward.up", y), approximate="tanh")
            x = x + linear(f"{block}.feedforward.down", y)
        return norm("norm", x) @ table.T

    def write(self, ids: np.ndarray, tokens: int) -> np.ndarray:
        """Returns ids and what follows them, the best token each time."""
        row = torch.from_numpy(np.asarray(ids)).long()[None]
        with torch.inference_mode():
            for _ in range(tokens):
                row = torch.cat((row, self(row)[:, -1:].argmax(-1)), 1)
        return row[0].numpy().astype("int32")


if __name__ == "__main__":
    main()
