"""What every tokenizer does with its files: those it wrote, and damaged ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain_core.testing.tokenizer_case import TokenizerCase, corpus


class TokenizerFilesContract(TokenizerCase):
    """Files give an equal tokenizer, or a `ValueError`; never a crash."""

    @classmethod
    def empty(cls) -> Any:
        """Returns a tokenizer that waits for its files."""
        config = cls.with_policy("text", errors="strict").get_config()
        return cls.cls.from_config(
            {**config, **dict.fromkeys(cls.cls.asset_config_keys)}
        )

    @pytest.fixture(scope="class")
    @classmethod
    def files(cls, tmp_path_factory: Any) -> Path:
        """A folder with what the tokenizer writes."""
        folder: Path = tmp_path_factory.mktemp("files")
        cls.with_policy("text", errors="strict").save_assets(folder)
        return folder

    def test_assets(self, tokenizer: Any, files: Path) -> None:
        names = sorted(path.name for path in files.iterdir())
        assert names == sorted(tokenizer.file_assets)
        # Which may be large, so it is not kept as it was passed.
        assert not any(map(tokenizer.arguments.get, tokenizer.asset_config_keys))
        again = self.empty()
        again.load_assets(files)
        assert again.get_config() == tokenizer.get_config()
        assert again(list(corpus())) == tokenizer(list(corpus()))

    def test_preset(self, tokenizer: Any, tmp_path: Path) -> None:
        tokenizer.save_to_preset(tmp_path / "preset")
        again = self.cls.from_preset(tmp_path / "preset")
        assert again.get_config() == tokenizer.get_config()
        assert again(list(corpus())) == tokenizer(list(corpus()))
        assert self.cls.from_preset(tmp_path / "preset", sequence_length=5)("a").shape

    def test_other_line_ends_are_the_same(
        self, tokenizer: Any, files: Path, tmp_path: Path
    ) -> None:
        texts = list(corpus())
        for name in tokenizer.file_assets:
            data = (files / name).read_bytes()
            if b"\0" in data:  # no text
                continue
            for written in (
                data.replace(b"\n", b"\r\n"),
                b"\xef\xbb\xbf" + data,
                b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
                data.removesuffix(b"\n"),
            ):
                assert self._loaded(files, tmp_path, name, written)(texts) == (
                    tokenizer(texts)
                )

    def test_damaged_files(self, tokenizer: Any, files: Path, tmp_path: Path) -> None:
        texts = list(corpus()[:60])
        for name in tokenizer.file_assets:
            for damage, data in _damaged((files / name).read_bytes()):
                try:
                    found = self._loaded(files, tmp_path, name, data)
                    ids = found(texts)
                except ValueError as error:
                    assert "Expected" in str(error), damage
                    assert not isinstance(error, UnicodeError), damage
                else:
                    found.decode(ids)
            with pytest.raises(ValueError, match="no file"):
                (tmp_path / name).unlink()
                self.empty().load_assets(tmp_path)

    def test_waits_for_its_files(self) -> None:
        if not self.cls.file_assets:
            pytest.skip("the tokenizer has no files")
        waiting = self.empty()
        assert waiting.get_config()["name"]
        for use in (waiting, waiting.encode, waiting.tokenize_with_offsets):
            with pytest.raises(ValueError, match="has been set"):
                use(["a"])
        for decode in (waiting.decode, waiting.vocabulary_size, waiting.get_vocabulary):
            with pytest.raises(ValueError, match="has been set"):
                decode([1]) if decode == waiting.decode else decode()

    def _loaded(self, files: Path, folder: Path, name: str, data: bytes) -> Any:
        for path in files.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / name).write_bytes(data)
        tokenizer = self.empty()
        tokenizer.load_assets(folder)
        return tokenizer


def _damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    lines = data.splitlines(keepends=True)
    yield "empty", b""
    yield "blank", b"\n"
    yield "zeros", b"\0" * 64
    yield "no text", b"\xff\xfe" + data
    yield "a page that says sorry", b"<!DOCTYPE html>\n<html><body>404</body></html>\n"
    yield "a pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    yield "Latin-1", "".join(f"tok\u00e9n{i}\n" for i in range(9)).encode("latin-1")
    yield "UTF-16", data.decode("latin-1").encode("utf-16")
    for part in range(1, 16):
        yield f"{part}/16 of it", data[: len(data) * part // 16]
    yield "the last byte is missing", data[:-1]
    yield "twice", data + data
    yield "a line twice", data + lines[-1]
    yield "an empty line", b"".join([*lines[:-1], b"\n", *lines[-1:]])
    yield "a long line", data + b"x" * 1_000_000 + b"\n"
    yield "two long words", data + b"x" * 500_000 + b" " + b"y" * 500_000 + b"\n"
    yield "backwards", b"".join(lines[::-1])
    yield "deep", b"[" * 200_000
    yield "a surrogate", b'{"\\ud800": 0, "a": 1}'
