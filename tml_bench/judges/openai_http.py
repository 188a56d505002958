"""HTTP of the official client of OpenAI, bounded: a server's answer is no longer than this process can hold.

Needs the extra ``[openai]``; imported where a question is asked.
"""

from contextlib import aclosing
from typing import Any

import openai

MAX_BODY = 2**22
"""Longest answer taken, in bytes; a longer one is cut, and then is no JSON."""
_OF_THE_WAY = ("content-encoding", "content-length", "transfer-encoding")


class BoundedHttpClient(openai.DefaultAsyncHttpxClient):
    """Takes bodies as they come, which none is asked to be compressed for, up to `MAX_BODY`."""

    async def send(self, request: Any, **options: Any) -> Any:
        """Send a request; the answer is read."""
        response = await super().send(request, **{**options, "stream": True})
        body = bytearray()
        try:
            async with aclosing(response.aiter_raw()) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) > MAX_BODY:
                        break
        finally:
            await response.aclose()
        told = [
            (name, value) for name, value in response.headers.raw if name.decode().lower() not in _OF_THE_WAY
        ]
        return type(response)(
            response.status_code, headers=told, content=bytes(body[:MAX_BODY]), request=request
        )
