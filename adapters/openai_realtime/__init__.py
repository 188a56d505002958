"""Services that speak the OpenAI Realtime protocol or a dialect of it."""

from tml_bench.adapters.openai_realtime.adapter import OpenAIRealtime

__all__ = ["OpenAIRealtime"]
