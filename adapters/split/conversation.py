"""What has been said in a session, as far as it is known, in the form of chat completions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tml_bench.adapter import Output, ProviderEvent, SessionStart, ToolCall, ToolResult, ToolSpec
from tml_bench.adapters._media import given_back
from tml_bench.joined_text import carry_spaces, joined

Message = dict[str, Any]
BRIEF = (
    "You think for a voice assistant, which goes on talking with its user meanwhile. You are shown their "
    "conversation so far. The last message is what the assistant asks of you. Answer it shortly and in plain "
    "words, for the answer will be spoken."
)
"""Instructions of the background model; those of the session follow them."""
_HEARD = {
    "conversation.item.input_audio_transcription.completed": "transcript",
    "transcription": "text",
}
"""Messages of services that hold the user's words, and under what name."""


class SplitConversation:
    """What both sides said and what functions gave, oldest first.

    The user's words are their texts, and what the front's service tells of their speech; the front's are its
    transcript and texts, all of them, also what an interruption kept from being heard.

    Args:
        session: of which it is.
        told: functions that only the front can call, of which the background model is told.
    """

    def __init__(self, session: SessionStart, told: Sequence[ToolSpec] = ()) -> None:
        parts = [BRIEF, session.instructions]
        if told:
            known = [{"name": t.name, "description": t.description, **t.parameters} for t in told]
            parts.append(f"The assistant can call these functions, you cannot: {json.dumps(known)}")
        self._system = "\n\n".join(filter(None, parts))
        self._said: list[Message] = []
        self._calls: dict[str, ToolCall] = {}
        self._pieces: list[str] = []
        self._item = ""
        self._user_pieces: list[str] = []
        for before in session.history:
            self._add(before.role, before.text)

    def say(self, text: str) -> None:
        """Take words of the user."""
        self._end_user()
        self._end_front()
        self._add("user", text)

    def hear(self, event: ProviderEvent) -> None:
        """Take what a service tells of the user's speech; other messages of it tell nothing."""
        if event.sent:
            return
        words = event.body.get(_HEARD.get(event.type, ""))
        if isinstance(words, str):
            self.say(words)
        content = event.body.get("serverContent")
        spoken = content.get("inputTranscription") if isinstance(content, Mapping) else None
        piece = spoken.get("text") if isinstance(spoken, Mapping) else None
        if isinstance(piece, str):
            self._end_front()
            self._user_pieces.append(piece)

    def take(self, output: Output) -> None:
        """Take what the front says, and its calls, whose results are to come."""
        pieces = [piece.text for piece in output.transcript if piece.text]
        pieces += [output.text] if output.text else []
        if pieces:
            self._end_user()
            if output.item != self._item:
                self._end_front()
                self._item = output.item
            self._pieces += pieces
        self._calls |= {call.call_id: call for call in output.tool_calls}

    def result(self, result: ToolResult) -> None:
        """Take what a function gave that the front had called; a call is told once its result is there."""
        call = self._calls.pop(result.call_id, None)
        if call is None:
            return
        self._end_user()
        self._end_front()
        self._said.append({"role": "assistant", "content": "", "tool_calls": [written_call(call)]})
        self._said.append(written_result(result.call_id, result))

    def messages(self, request: str) -> list[Message]:
        """The whole conversation, with what is asked now as its last message."""
        self._end_user()
        self._end_front()
        before = list(self._said)
        asked = {"role": "user", "content": request}
        if before and before[-1]["role"] == "user":  # some servers take no two messages of one side
            asked["content"] = f"{before.pop()['content']}\n\n{request}"
        return [{"role": "system", "content": self._system}, *before, asked]

    def _add(self, role: str, text: str) -> None:
        if not text.strip():
            return
        if self._said and self._said[-1]["role"] == role and "tool_calls" not in self._said[-1]:
            text = f"{self._said.pop()['content']}\n{text}"
        self._said.append({"role": role, "content": text})

    def _end_front(self) -> None:
        """What the front has said so far is said; more of it is another line."""
        pieces, self._pieces = self._pieces, []
        self._add("assistant", joined(pieces, carry_spaces(pieces)))

    def _end_user(self) -> None:
        pieces, self._user_pieces = self._user_pieces, []
        if pieces:
            self._end_front()
            self._add("user", joined(pieces, carry_spaces(pieces)))


def written_call(call: ToolCall) -> Message:
    """A call as a part of an assistant's message."""
    written = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"id": call.call_id, "type": "function", "function": written}


def written_result(call_id: str, result: ToolResult) -> Message:
    """A result as a message, in answer to the call of that id."""
    return {"role": "tool", "tool_call_id": call_id, "content": json.dumps(given_back(result))}
