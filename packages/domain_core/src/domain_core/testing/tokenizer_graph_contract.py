"""What every tokenizer does with tensors of a TensorFlow graph."""

from __future__ import annotations

from typing import Any

import pytest

from domain_core.testing.tokenizer_case import TokenizerCase, corpus


class TokenizerGraphContract(TokenizerCase):
    """Inside `tf.data` and in a graph of its own the ids are those without."""

    @pytest.fixture(scope="class")
    @classmethod
    def lines(cls) -> list[str]:
        return [*corpus()[::2], "\0", "a\0b\0", "\ufeffa"]

    def test_tensors_with_values(self, tf: Any, tokenizer: Any) -> None:
        texts = list(corpus()[:40])
        expected = tokenizer(texts)
        data = [text.encode() for text in texts]
        assert tokenizer(tf.constant(data)) == expected
        assert tokenizer(tf.constant(data[3])).tolist() == expected[3]
        ids = tf.ragged.constant(expected, "int32")
        assert tokenizer.decode(ids) == tokenizer.decode(expected)
        for wrong in (
            tf.constant(1),
            tf.constant([[b"a"]]),
            tf.ragged.constant([["a"]]),
        ):
            with pytest.raises(ValueError, match="Expected"):
                tokenizer(wrong)

    @pytest.mark.parametrize("graph", [False, True])
    def test_inside_tf_data(
        self, tf: Any, tokenizer: Any, lines: list[str], graph: bool
    ) -> None:
        made = self.with_policy("text", errors="strict", graph=graph)
        expected = tokenizer(lines)
        data = tf.data.Dataset.from_tensor_slices(
            tf.constant([line.encode() for line in lines])
        )
        batches = data.batch(64).map(made)
        assert [row for rows in batches for row in rows.to_list()] == expected
        assert [r.numpy().tolist() for r in data.take(9).map(made)] == expected[:9]
        decoded = [t for texts in batches.map(made.decode) for t in texts.numpy()]
        assert [text.decode() for text in decoded] == tokenizer.decode(expected)
        even = self.with_policy("text", graph=graph, sequence_length=9, dtype="int64")
        padded = data.batch(32, drop_remainder=True).map(even)
        assert padded.element_spec.shape == (32, 9)
        assert padded.element_spec.dtype == tf.int64
        rows = [row for batch in padded for row in batch.numpy().tolist()]
        assert rows == even(lines[: len(rows)]).tolist()
        if not graph:  # whose scalars have been batches of one above
            single = data.map(even).take(5)
            assert single.element_spec.shape == (9,)
            assert [row.numpy().tolist() for row in single] == rows[:5]
        tokens = self.with_policy("text", graph=graph, dtype="string")
        found = next(iter(data.batch(20).map(tokens))).to_list()
        assert [[t.decode() for t in row] for row in found] == tokens(lines[:20])
        assert next(iter(data.take(0).batch(4).map(made)), None) is None

    @pytest.mark.parametrize("graph", [False, True])
    def test_refuses_tensors(self, tf: Any, graph: bool) -> None:
        made = self.with_policy("text", errors="strict", graph=graph)
        for shape, message in ((None, "known number of axes"), ([None, 2], "flat")):
            run = tf.function(made, input_signature=[tf.TensorSpec(shape, "string")])
            with pytest.raises(ValueError, match=message):
                run.get_concrete_function()
        ragged = tf.RaggedTensorSpec([None, None], "string")
        with pytest.raises(ValueError, match="flat"):
            tf.function(made, input_signature=[ragged]).get_concrete_function()
        texts = [tf.TensorSpec([None], "string")]
        own = None if graph else r"`inputs\[1\]` to be UTF-8"  # or TensorFlow's
        with pytest.raises(tf.errors.InvalidArgumentError, match=own):
            tf.function(made, input_signature=texts)(tf.constant([b"a", b"\xff"]))
        ids = [tf.TensorSpec([None, None], "int32")]
        decode = tf.function(made.decode, input_signature=ids)
        for wrong in (-1, made.vocabulary_size() + 1):
            with pytest.raises(tf.errors.OpError):
                decode(tf.constant([[wrong]]))
        text = next((t for t in corpus() if made(t).max(initial=0) > 127), None)
        if text is not None:
            narrow = self.with_policy("text", graph=graph, dtype="int8")
            with pytest.raises(tf.errors.InvalidArgumentError, match="int8"):
                tf.function(narrow, input_signature=texts)(tf.constant([text]))
        if self.special:
            forbid = self.with_policy("error", graph=graph)
            run = tf.function(forbid, input_signature=texts)
            for token in self.special:
                with pytest.raises(
                    tf.errors.InvalidArgumentError, match="without special tokens"
                ):
                    run(tf.constant(["a", f"a {token}"]))
