"""What the small files beside a Hugging Face tokenizer say.

`tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` repeat each
other and `tokenizer.json`. What they say is brought together here; a table says of
every key whether it is understood, changes nothing, or may have one value only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from domain_core.presets.config_map import Argument, ConfigMap
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import read_json, warn_of_unknown_keys
from domain_core.text.tokenizer_json import (
    AddedToken,
    read_added_tokens,
    read_tokenizer_json,
)

CONFIG = "config.json"
OPTIONS = "tokenizer_config.json"
JSON = "tokenizer.json"
_MAP, _ADDED = "special_tokens_map.json", "added_tokens.json"
# Thousands of reserved tokens stand in some.
_MAX_BYTES = 8 * 2**20
# These have no rules of their own: `tokenizer.json` is all there is.
_GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")
_ROLES = ("cls", "sep", "pad", "mask", "unk", "bos", "eos")
_LISTS = ("additional_special_tokens", "extra_special_tokens")
# What a model's preprocessor, a user, or who decodes is asked, not a tokenizer.
_HARMLESS = (
    *("tokenizer_class", "backend", "model_max_length", "max_len", "max_length"),
    *("model_input_names", "name_or_path", "_name_or_path", "special_tokens_map_file"),
    *("tokenizer_file", "vocab_file", "merges_file", "is_local", "local_files_only"),
    *("auto_map", "processor_class", "trust_remote_code", "transformers_version"),
    *("clean_up_tokenization_spaces", "spaces_between_special_tokens", "errors"),
    *("trim_offsets", "chat_template", "padding", "truncation", "stride"),
    *("truncation_strategy", "pad_to_multiple_of", "pad_token_type_id", "use_fast"),
    *("return_token_type_ids", "return_attention_mask", "from_slow", "verbose"),
    *("device_map", "revision", "token", "_commit_hash", "_from_auto", "unk_id"),
    *(f"{role}_token" for role in _ROLES),
    *(f"{role}_token_id" for role in _ROLES),
    *("added_tokens_decoder", *_LISTS),
)
_AROUND = {
    "padding_side": "right",
    "truncation_side": "right",
    "add_bos_token": False,
    "add_eos_token": False,
}
# How text after a special token within it begins, and what a conversation does.
_OF_LLAMA = ("legacy", "use_default_system_prompt")
_ONLY = {
    "split_special_tokens": False,
    "do_basic_tokenize": True,
    "never_split": [],
    "wordpieces_prefix": "##",
    "sp_model_kwargs": {},
    "extra_ids": 0,
}


def flag(name: str, absent: bool | None) -> Argument:
    """Returns the entry of an option that is true or false, or missing."""

    def read(value: Any) -> bool | None:
        if value is not None and not isinstance(value, bool):
            raise ValueError("it is neither true nor false")
        return value

    return Argument(name, read, absent=absent)


def options_table(
    renamed: Mapping[str, Argument],
    only: Mapping[str, Any] | None = None,
    *,
    generates: bool = False,
) -> ConfigMap:
    """Returns the table of `tokenizer_config.json` for a kind of tokenizers.

    Args:
        renamed: their options, and our arguments.
        only: further options, with the one value that may be.
        generates: whether they are of models that write on: what stands around a text,
            and on which side there is padding, is not said here then.
    """
    free = (*_AROUND, *_OF_LLAMA) if generates else ()
    fixed = {**_ONLY, **_AROUND, **(only or {})}
    return ConfigMap(
        renamed=renamed,
        ignored=(*_HARMLESS, *free),
        only={k: v for k, v in fixed.items() if k not in (*free, *renamed)},
        among_others=True,
    )


@dataclasses.dataclass(frozen=True)
class TokenizerOptions:
    """What a folder says of its tokenizer.

    Attributes:
        arguments: options, as constructor arguments.
        is_generic: whether `tokenizer.json` alone says what the tokenizer does, not
            these options.
        data: content of `tokenizer.json`; None where there is none.
        added: tokens that are found whole, by content; special ones among them.
        roles: special tokens by what they are for, such as "cls".
    """

    arguments: dict[str, Any]
    is_generic: bool
    data: dict[str, Any] | None
    added: dict[str, AddedToken]
    roles: dict[str, str]


def read_options(
    folder: Folder,
    table: ConfigMap,
    cls: type,
    classes: Collection[str],
    roles: Mapping[str, str],
) -> TokenizerOptions:
    """Reads all small files of a tokenizer.

    Args:
        folder: the preset.
        table: of the options.
        cls: our class.
        classes: names of the class elsewhere.
        roles: the special tokens that our class names, by what they are for.

    Raises:
        ValueError: if something can't be expressed here; the message names it.
    """
    data = read_tokenizer_json(folder.require(JSON)) if JSON in folder else None
    options = _without_null(_optional(folder, OPTIONS))
    special = _without_null(_optional(folder, _MAP))
    is_generic = _is_generic(folder, options, classes)
    if is_generic and data is None:
        raise ValueError(
            f"Expected {JSON!r} beside 'tokenizer_class' "
            f"{options.get('tokenizer_class')!r}, which has no rules of its own. Save "
            "the tokenizer again, or download it all."
        )
    arguments = table.read(options, cls, OPTIONS)
    for name, values in ((OPTIONS, options), (_MAP, special)):
        if unknown := table.unknown(values):
            warn_of_unknown_keys(folder, name, unknown)
    named = {**_named(special, _MAP), **_named(options, OPTIONS)}
    _check_roles(named, roles, cls.stop_tokens)  # type: ignore[attr-defined]
    added = _added(
        [*named.values(), *_listed(special, _MAP), *_listed(options, OPTIONS)],
        {} if data is None else read_added_tokens(data),
        _decoder(options),
        _optional(folder, _ADDED),
    )
    found = {role: token.content for role, token in named.items()}
    return TokenizerOptions(arguments, is_generic, data, added, found)


def raw_options(folder: Folder) -> dict[str, Any]:
    """Returns the content of `tokenizer_config.json`; {} where there is none."""
    return _optional(folder, OPTIONS)


def _optional(folder: Folder, name: str) -> dict[str, Any]:
    return read_json(folder, name, _MAX_BYTES) if name in folder else {}


def _without_null(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what is null, which stands for the default."""
    return {key: value for key, value in options.items() if value is not None}


def _is_generic(
    folder: Folder, options: Mapping[str, Any], classes: Collection[str]
) -> bool:
    name = options.get("tokenizer_class")
    if name is None and CONFIG in folder:
        name = read_json(folder, CONFIG).get("tokenizer_class")
    if name in _GENERIC:
        return True
    if name is not None and name not in classes:
        raise ValueError(
            f"Expected 'tokenizer_class' to be one of {sorted(classes)} or "
            f"{list(_GENERIC)}, received {name!r:.80}, whose rules are not known here. "
            "Pass a `preprocessor` with a tokenizer of your own."
        )
    return False


def _named(options: Mapping[str, Any], file: str) -> dict[str, AddedToken]:
    """Returns the special tokens that stand under names."""
    return {
        role: AddedToken.read(options[key], f"{key} of {file}", special=True)
        for role in _ROLES
        if (key := f"{role}_token") in options
    }


def _check_roles(
    named: Mapping[str, AddedToken], roles: Mapping[str, str], stops: Collection[str]
) -> None:
    for role, token in named.items():
        if role == "eos" and token.content in stops:
            continue
        if token.content != roles.get(role, token.content):
            raise ValueError(
                f"Expected '{role}_token' to be {roles[role]!r}, received "
                f"{token.content!r:.80}: the tokenizer of this family has no other. "
                "Pass a `preprocessor` with a tokenizer of your own."
            )


def _listed(options: Mapping[str, Any], file: str) -> list[AddedToken]:
    """Returns the special tokens that stand in lists."""
    tokens = []
    for key in _LISTS:
        entries = options.get(key, [])
        if isinstance(entries, dict):
            entries = list(entries.values())
        if not isinstance(entries, list):
            raise ValueError(
                f"Expected {key!r} in {file!r} to be a list of tokens, received "
                f"{entries!r:.80}. Download the file again."
            )
        tokens += [
            AddedToken.read(e, f"{key} of {file}", special=True) for e in entries
        ]
    return tokens


def _decoder(options: Mapping[str, Any]) -> dict[str, AddedToken] | None:
    entries = options.get("added_tokens_decoder")
    if entries is None:
        return None
    if not isinstance(entries, dict) or not all(key.isdecimal() for key in entries):
        raise ValueError(
            f"Expected 'added_tokens_decoder' in {OPTIONS!r} to map ids to tokens, "
            f"received {entries!r:.80}. Download the file again."
        )
    tokens = [
        AddedToken.read(entry, "added_tokens_decoder", id=int(key))
        for key, entry in entries.items()
    ]
    return {token.content: token for token in tokens}


def _added(
    named: list[AddedToken],
    in_json: Mapping[str, AddedToken],
    in_decoder: Mapping[str, AddedToken] | None,
    in_file: Mapping[str, Any],
) -> dict[str, AddedToken]:
    """Brings together what is said of tokens; who says more of one comes last.

    Args:
        named: special tokens under names, and in lists.
        in_json: of `tokenizer.json`.
        in_decoder: of `tokenizer_config.json`, which then has all.
        in_file: of `added_tokens.json`, ids by content.
    """
    # An entry of that file does not say how a token is found: these are the defaults.
    plain = {
        content: AddedToken.read(
            {"content": content, "normalized": True}, _ADDED, id=index
        )
        for content, index in in_file.items()
    }
    special = {token.content for token in named}
    known = {**{token.content: token for token in named}, **plain, **in_json}
    if in_decoder is not None:
        others = {*plain, *in_json} - {*in_decoder} - special
        if others:
            raise ValueError(
                f"Expected 'added_tokens_decoder' in {OPTIONS!r} to hold all added "
                f"tokens, received none for {sorted(others)[:5]}, which other files "
                "have. Save the tokenizer again."
            )
        known |= in_decoder
    tokens = {}
    for content, token in known.items():
        ids = {
            other.id
            for said in (plain, in_json, in_decoder or {})
            if (other := said.get(content)) is not None
        }
        if len(ids) > 1:
            raise ValueError(
                f"Expected one id for the added token {content!r}, received "
                f"{sorted(map(str, ids))} in different files. Save the tokenizer again."
            )
        tokens[content] = dataclasses.replace(
            token,
            id=next(iter(ids), None),
            special=token.special or content in special,
        )
    return tokens


Reader = Callable[[Folder], dict[str, Any]]
