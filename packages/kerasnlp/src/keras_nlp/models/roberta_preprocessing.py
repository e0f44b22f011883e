"""How RoBERTa and its relatives pack their segments."""

from __future__ import annotations

from typing import Any


class RobertaPacking:
    """Mixed into preprocessors: `<s> first </s></s> second </s>`, segments untold."""

    with_segment_ids = False
    tokenizer: Any

    def packing(self) -> dict[str, Any]:
        """Returns the tokens around and between segments."""
        end = self.tokenizer.end_token_id
        return {
            "start_value": self.tokenizer.start_token_id,
            "end_value": end,
            "sep_value": [end, end],
            "pad_value": self.tokenizer.pad_token_id,
        }
