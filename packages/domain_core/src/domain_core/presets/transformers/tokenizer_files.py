"""Tokenizers in Hugging Face's layout: one reader and one writer for each kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain_core.presets.config_map import Argument
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import write_json
from domain_core.presets.tokenizer_assets import check_asset
from domain_core.presets.transformers.tokenizer_options import (
    JSON,
    OPTIONS,
    Reader,
    TokenizerOptions,
    flag,
    options_table,
    read_options,
)
from domain_core.text.byte_pair import tokenizer_json as byte_pair_json
from domain_core.text.byte_pair.files import (
    read_ids,
    read_merges,
    write_ids,
    write_merges,
)
from domain_core.text.sentence_piece.model import adds_prefix, read_pieces
from domain_core.text.sentence_piece.tokenizer_json import (
    byte_pairs_to_json,
    sentence_piece_from_json,
)
from domain_core.text.tokenizer_json import (
    AddedToken,
    component_type,
    not_expressible,
    number_tokens,
    require_flags,
    write_tokenizer_json,
)
from domain_core.text.vocabulary import read_vocabulary, write_vocabulary
from domain_core.text.word_piece import tokenizer_json as word_piece_json

if TYPE_CHECKING:
    from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer
    from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer
    from domain_core.tokenizers.sentence_piece_tokenizer import SentencePieceTokenizer
    from domain_core.tokenizers.tokenizer import Tokenizer

_WORDS, _VOCABULARY, _MERGES = "vocab.txt", "vocab.json", "merges.txt"
_MODELS = ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model")
Writer = Callable[[Any, Path, int | None], None]


def _roles(cls: Any) -> dict[str, str]:
    """Returns the special tokens that a class names, by what they are for."""
    named: Mapping[str, str] = cls.named_tokens
    names = {"cls": "start", "bos": "start", "sep": "end", "eos": "end"}
    names |= {role: role for role in ("pad", "mask", "unk")}
    return {
        role: named[f"{name}_token"]
        for role, name in names.items()
        if f"{name}_token" in named
    }


def _classes(cls: type, others: Collection[str] = ()) -> set[str]:
    names = {cls.__name__, *others}
    return names | {f"{name}Fast" for name in names}


def _post_processor(data: Mapping[str, Any], cls: Any, generates: bool) -> None:
    """Raises ValueError if other tokens are put around a text than our packers put.

    A preprocessor of a model that writes on is told whether to put them.
    """
    post: Any = data.get("post_processor")
    start, end = (cls.named_tokens.get(f"{at}_token") for at in ("start", "end"))
    kind = component_type(post)
    if kind == "TemplateProcessing":
        single = post.get("single")
        parts = single if isinstance(single, list) else []
        around = [
            [*part, *(value.get("id") for value in part.values())] for part in parts
        ]
        expected = [["SpecialToken", start], ["Sequence", "A"], ["SpecialToken", end]]
        usual = [expected]
        if generates:
            usual += [expected[:2], expected[1:], expected[1:2]]
        if around not in usual:
            raise not_expressible("post_processor", post)
    elif kind in ("BertProcessing", "RobertaProcessing"):
        pairs = post.get("cls"), post.get("sep")
        if [pair[0] for pair in pairs if isinstance(pair, list) and pair] != [
            start,
            end,
        ]:
            raise not_expressible("post_processor", post)


# WordPiece.

_BERT_CLASSES = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")


def word_piece_arguments(cls: type) -> Reader:
    """Returns what reads the arguments of a BERT tokenizer."""
    table = options_table(
        {
            "do_lower_case": flag("lowercase", True),
            "strip_accents": flag("strip_accents", None),
            "tokenize_chinese_chars": flag("split_on_cjk", True),
        }
    )
    named = tuple(cls.named_tokens.values())  # type: ignore[attr-defined]

    def read(folder: Folder) -> dict[str, Any]:
        found = read_options(
            folder, table, cls, _classes(cls, _BERT_CLASSES), _roles(cls)
        )
        unk = found.roles.get("unk", "[UNK]")
        if found.data is not None:
            _post_processor(found.data, cls, generates=False)
            arguments = word_piece_json.word_piece_from_json(
                found.data, named=named, added=_with_named(found, named)
            )
            if found.is_generic:
                return arguments
            _require_same("unk_token", unk, arguments["oov_token"])
            _require_same("wordpieces_prefix", "##", arguments["suffix_indicator"])
            # As in `transformers`, options count more than `tokenizer.json`.
            return arguments | found.arguments
        check_asset(folder, _WORDS)
        words = read_vocabulary(folder.require(_WORDS))
        ids = {word: index for index, word in enumerate(words)}
        return {
            "vocabulary": words,
            "oov_token": unk,
            **found.arguments,
            **word_piece_json.added_arguments(
                [*_with_named(found, named).values()], ids, named=(*named, unk)
            ),
        }

    return read


def write_word_piece(
    tokenizer: BertWordPieceTokenizer, directory: Path, max_length: int | None
) -> None:
    """Writes the files of BERT's tokenizer; inverse of `word_piece_arguments`.

    Args:
        tokenizer: a BERT tokenizer.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
    """
    words = tokenizer.get_vocabulary()
    new = {*tokenizer.added_tokens} - {*tokenizer.get_config()["vocabulary"]}
    write_vocabulary(directory / _WORDS, [word for word in words if word not in new])
    _write_options(
        tokenizer,
        directory,
        max_length,
        tokenizer_class="BertTokenizer",
        unk_token=tokenizer.oov_token,
        do_lower_case=tokenizer.lowercase,
        strip_accents=tokenizer.strip_accents,
        tokenize_chinese_chars=tokenizer.split_on_cjk,
    )


# Byte pairs.


def byte_pair_arguments(
    cls: type, others: Collection[str] = (), *, generates: bool = False
) -> Reader:
    """Returns what reads the arguments of a byte-pair tokenizer.

    Args:
        cls: the tokenizer's class.
        others: names of the class elsewhere, besides its own.
        generates: whether it is that of a model that writes on.
    """
    table = options_table(
        {"add_prefix_space": flag("add_prefix_space", False)},
        only={"do_lower_case": False},
        generates=generates,
    )
    always = tuple(cls.named_tokens.values())  # type: ignore[attr-defined]
    optional = cls.optional_tokens  # type: ignore[attr-defined]
    strip_left = cls.strip_left  # type: ignore[attr-defined]

    def read(folder: Folder) -> dict[str, Any]:
        found = read_options(folder, table, cls, _classes(cls, others), _roles(cls))
        if found.data is not None:
            words = found.data["model"].get("vocab")
            held = {*found.added, *(words if isinstance(words, dict) else ())}
            named = (*always, *(token for token in optional if token in held))
            added = _with_named(found, named)
            _post_processor(found.data, cls, generates)
            arguments = byte_pair_json.byte_pair_from_json(
                found.data, named=named, strip_left=strip_left, added=added
            )
            return arguments if found.is_generic else arguments | found.arguments
        for name in (_VOCABULARY, _MERGES):
            check_asset(folder, name)
        vocabulary = read_ids(folder.require(_VOCABULARY))
        merges = read_merges(folder.require(_MERGES))
        byte_pair_json.require_known(merges, vocabulary)
        named = (*always, *(token for token in optional if token in vocabulary))
        added = _with_named(found, named)
        # There is no normalization before which, or after which, they could be found.
        tokens = [dataclasses.replace(t, normalized=False) for t in added.values()]
        return {
            "merges": merges,
            **found.arguments,
            **byte_pair_json.added_arguments(
                tokens, vocabulary, named=named, strip_left=strip_left
            ),
        }

    return read


def write_byte_pair(
    tokenizer: BytePairTokenizer, directory: Path, max_length: int | None
) -> None:
    """Writes the files of a byte-pair tokenizer; inverse of `byte_pair_arguments`.

    Args:
        tokenizer: a tokenizer whose class has their name.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
    """
    write_ids(directory / _VOCABULARY, tokenizer.get_vocabulary())
    pairs = (merge.split(" ") for merge in tokenizer.get_merges())
    write_merges(directory / _MERGES, ((left, right) for left, right in pairs))
    _write_options(
        tokenizer, directory, max_length, add_prefix_space=tokenizer.add_prefix_space
    )


def write_byte_pair_json(
    tokenizer: BytePairTokenizer, directory: Path, max_length: int | None, name: str
) -> None:
    """Writes `tokenizer.json`, which says how texts are cut; see `write_byte_pair`.

    Args:
        tokenizer: a tokenizer.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
        name: of their class.
    """
    tokenizer.save_tokenizer_json(directory / JSON)
    _write_options(
        tokenizer,
        directory,
        max_length,
        tokenizer_class=name,
        add_prefix_space=tokenizer.add_prefix_space,
    )


# SentencePiece.


def sentence_piece_arguments(
    cls: type,
    others: Collection[str] = (),
    *,
    generates: bool = False,
    options: Mapping[str, Argument] | None = None,
) -> Reader:
    """Returns what reads the arguments of a SentencePiece tokenizer.

    Args:
        cls: the tokenizer's class.
        others: names of the class elsewhere, besides its own.
        generates: whether it is that of a model that writes on.
        options: those of the class alone, and its arguments.
    """
    table = options_table(
        options or {},
        # Only true has been known since version 5; before, nothing was said.
        only={"do_lower_case": False, "add_prefix_space": True},
        generates=generates,
    )
    named = tuple(cls.named_tokens.values())  # type: ignore[attr-defined]
    appended = cls.appended  # type: ignore[attr-defined]

    def read(folder: Folder) -> dict[str, Any]:
        found = read_options(folder, table, cls, _classes(cls, others), _roles(cls))
        models = [name for name in _MODELS if name in folder]
        if found.data is not None:
            _post_processor(found.data, cls, generates)
            proto, ids = sentence_piece_from_json(found.data, named=named)
            if models and not found.is_generic:
                check_asset(folder, models[0])
                proto = folder.require(models[0]).read_bytes()
        else:
            name = models[0] if models else _MODELS[0]
            check_asset(folder, name)
            proto, ids = folder.require(name).read_bytes(), None
        arguments = {} if found.is_generic else dict(found.arguments)
        plain = cls(proto, **arguments)
        vocabulary = {t: i for i, t in enumerate(plain.get_vocabulary())}
        if ids is not None and not _is_numbered(ids, vocabulary, appended):
            raise ValueError(
                f"Expected {JSON!r} to number its tokens as {cls.__name__} does: the "
                f"special ones first, {named[-1]!r} last, and as in a model beside it. "
                f"Received the first {list(ids)[:5]} and the last {list(ids)[-1]!r}."
            )
        tokens = [*_with_named(found, named).values()]
        require_flags(tokens, "lstrip", "rstrip", "normalized")
        ids = number_tokens(tokens, vocabulary)
        own = {*plain.special_tokens}
        further = [token for token in tokens if token.content not in own]
        further.sort(key=lambda token: ids[token.content])
        arguments["proto"] = proto
        if further:
            arguments["added_tokens"] = [token.content for token in further]
        if late := [token.content for token in tokens if token.normalized]:
            arguments["normalized_tokens"] = late
        eager = [token.content for token in tokens if token.lstrip]
        if set(eager) != set(cls.strip_left):  # type: ignore[attr-defined]
            arguments["strip_left"] = eager
        if right := [token.content for token in tokens if token.rstrip]:
            arguments["strip_right"] = right
        return arguments

    return read


def _is_numbered(
    ids: Mapping[str, int], vocabulary: Mapping[str, int], appended: Collection[str]
) -> bool:
    """Whether tokens have ids, but for some that a class appends."""
    more = vocabulary.keys() - ids.keys()
    return more <= {*appended} and {t: vocabulary.get(t) for t in ids} == ids


def write_sentence_piece(
    tokenizer: SentencePieceTokenizer,
    directory: Path,
    max_length: int | None,
    *,
    file: str = _MODELS[0],
    name: str | None = None,
    **options: Any,
) -> None:
    """Writes the files of a SentencePiece tokenizer; see `write_byte_pair`.

    Args:
        tokenizer: a tokenizer.
        directory: where to write.
        max_length: number of tokens that the model takes at most.
        file: name of the model's file.
        name: of their class; None for as ours.
        **options: of the class alone.
    """
    (directory / file).write_bytes(tokenizer.get_proto())
    prefix = adds_prefix(tokenizer.get_proto())
    if prefix is not None:
        # Of a model alone, theirs guesses how it treats white space.
        pieces = read_pieces(tokenizer.get_proto())
        known = {piece.text for piece in pieces}
        whole = {t: tokenizer.token_to_id(t) for t in tokenizer.added_tokens}
        special = {t: tokenizer.token_to_id(t) for t in tokenizer.special_tokens}
        components = byte_pairs_to_json(
            pieces,
            adds_prefix=prefix,
            start=tokenizer.start_token if tokenizer.start_token in known else None,
            special_tokens=special,
            added_tokens=whole,
            strip_left=tokenizer.strip_left,
            strip_right=tokenizer.strip_right,
            normalized=tokenizer.normalized_tokens,
        )
        write_tokenizer_json(directory / JSON, components)
    if name is not None:
        options["tokenizer_class"] = name
    _write_options(tokenizer, directory, max_length, **options)


# All.


def _with_named(
    found: TokenizerOptions, named: Collection[str]
) -> dict[str, AddedToken]:
    """Returns all added tokens, those that a class names among them."""
    own = {token: AddedToken(token, special=True) for token in named}
    return {**own, **found.added}


def _require_same(name: str, first: str, second: str) -> None:
    if first != second:
        raise ValueError(
            f"Expected one value of {name!r}, received {first!r:.80} in {OPTIONS!r} "
            f"and {second!r:.80} in {JSON!r}. Save the tokenizer again."
        )


def _write_options(
    tokenizer: Tokenizer, directory: Path, max_length: int | None, **options: Any
) -> None:
    """Writes `tokenizer_config.json`, with how each token is found in a text."""
    whole = getattr(tokenizer, "added_tokens", ())
    unk_token = getattr(tokenizer, "unk_token", None)
    special = dict.fromkeys(
        [*tokenizer.special_tokens, *filter(None, [options.get("unk_token")])]
    )
    strip_left = set(getattr(tokenizer, "strip_left", ()))
    strip_right = set(getattr(tokenizer, "strip_right", ()))
    normalized = set(getattr(tokenizer, "normalized_tokens", ()))
    tokens = {
        str(tokenizer.token_to_id(token)): AddedToken(
            token,
            special=token in special,
            lstrip=token in strip_left,
            rstrip=token in strip_right,
            normalized=token in normalized,
        ).to_json()
        for token in dict.fromkeys([*special, *whole])
    }
    named = {
        "bos_token": tokenizer.start_token,
        "cls_token": tokenizer.start_token,
        "eos_token": tokenizer.end_token,
        "sep_token": tokenizer.end_token,
        "pad_token": tokenizer.pad_token,
        "mask_token": tokenizer.mask_token,
        "unk_token": unk_token,
    }
    extra = [t for t in special if t not in (*named.values(), options.get("unk_token"))]
    content: dict[str, Any] = {
        "tokenizer_class": type(tokenizer).__name__,
        **named,
        "model_max_length": max_length,
        **options,
        "added_tokens_decoder": dict(sorted(tokens.items(), key=lambda t: int(t[0]))),
        "additional_special_tokens": extra or None,
    }
    given = {key: value for key, value in content.items() if value is not None}
    write_json(directory / OPTIONS, given)
