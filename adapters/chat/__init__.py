"""Turn-based models behind chat completions with audio, marked ``turn_based``."""

from tml_bench.adapters.chat.adapter import ChatCompletions

__all__ = ["ChatCompletions"]
