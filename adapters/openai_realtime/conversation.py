"""What the service says, understood: outputs for the session, and what has to be answered.

No socket and no clock here, so that a wire log replays to the same result. Messages are told apart by their
raw ``type``; the older names of OpenAI's beta are taken too; unknown types mean nothing.

**Replies.** Every message is of the response it names, or that its item was first seen with; one that names
none is of the response under way. So what comes late of an answer never touches the one after it.

**Interruption.** When the service hears the user begin (``speech_started``) and its dialect then cancels its
reply, all that is unheard is flushed, and what still comes of replies begun by then is dropped. When it says
that a response was cancelled or an item truncated, that alone is.

**Functions.** A call counts when its item is done and complete, or the whole response is: arguments of an
interrupted call are complete too, but must not be executed. A result is sent at once; a response is asked
for when all calls of the same response are answered and none is under way, unless one that began after the
service took the result has seen it. Calls of other responses hold nothing up, as slow as they are, nor do any
what the user writes. An ask that is refused (a response had just begun) is repeated after that one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tml_bench.adapter import Output, ProtocolError, ToolResult, Transcript
from tml_bench.adapters._media import WholeSamples, from_base64, result_item, tool_call
from tml_bench.adapters._refusals import read_error
from tml_bench.adapters.openai_realtime.dialects import Dialect
from tml_bench.adapters.openai_realtime.messages import Message, truncation
from tml_bench.redact import plain

EXCUSED = frozenset({"response.cancel", "conversation.item.truncate"})
"""Messages of ours that may come too late to do anything: an error that answers one is no complaint.

An error that names no message is of the last one that was sent, audio apart."""
AUDIO = frozenset({"input_audio_buffer.append", "input.append"})
EXCUSED_CODES = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})
"""Errors that say so themselves; what was asked for too early is asked for again."""
_SERVERS_FAULT = ("server_error", "internal_error")


class RealtimeConversation:
    """One session with the service, whose audio has ``rate_out`` Hz.

    With ``cuts``, ``speech_started`` means that it cancels what it says. ``replies`` are messages to be sent,
    which whoever sends them takes out; ``responding`` is the response under way, empty when there is none;
    ``complaint`` is the error that the last message reported, but for one that needs no answer.
    """

    def __init__(self, dialect: Dialect, rate_out: int, cuts: bool) -> None:
        self.replies: list[Message] = []
        self.responding = self.complaint = ""
        self._dialect = dialect
        self._rate_out = rate_out
        self._cuts = cuts
        self._begun: set[str] = set()
        self._over: set[str] = set()
        self._cut: set[str] = set()
        self._response_of: dict[str, str] = {}
        self._unheard: dict[str, str] = {}
        self._received_ms: dict[str, float] = {}
        self._samples = WholeSamples(dialect.encoding)
        self._turn = self._unnamed = 0
        self._speaking = self._asked = self._unwanted = self._user_speaks = False
        self._unseen: set[str | None] = set()
        self._calls: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._unanswered: set[str] = set()
        self._caller: dict[str, str] = {}
        self._excused: set[str] = set()
        self._last_sent = ""

    def take(self, message: Mapping[str, Any]) -> Iterator[Output]:
        """What one message means; may add to ``replies``.

        Raises:
            InfrastructureError: the session is over for reasons that are not the model's, by the dialect's
                table of refusals.
            ProtocolError: garbage.
        """
        self.complaint = ""
        match message.get("type"):
            case "error":
                self._failed(message)
            case "session.closed" | "session.expired":
                raise self._dialect.refusals.error("the service closed the session:", read_error(message))
            case "response.created":
                self._response_began(message["response"])
            case "response.done":
                yield from self._response_ended(message["response"])
            case "response.output_audio.delta" if "delta" not in message:
                yield from self._unit(message)
            case "response.output_audio.delta" | "response.audio.delta":
                yield from self._audio(message)
            case "response.output_audio_transcript.delta" | "response.audio_transcript.delta":
                yield from self._transcript(message)
            case "response.output_text.delta" | "response.text.delta":
                yield from self._text(message)
            case "response.output_item.added":
                self._remember_call(self._of(message), message["item"])
            case "response.output_item.done":
                yield from self._item_done(message)
            case "response.function_call_arguments.done":
                item = {**message, "id": message.get("item_id"), "type": "function_call"}
                self._remember_call(self._of(message), item)
            case "conversation.item.truncated":
                yield from self._cut_item(str(message.get("item_id") or ""))
            case "conversation.item.added" | "conversation.item.created":
                if message["item"].get("type") == "function_call_output":
                    self._owe(self._caller.get(message["item"].get("call_id")))
            case "input_audio_buffer.speech_started" if self._cuts:
                yield from self._flush()
                self._forget_response()
            case "output_audio_buffer.cleared" if message.get("response_id"):
                yield from self._cut_response(str(message["response_id"]))
            case "output_audio_buffer.cleared":
                yield from self._flush()
            case "response.listen" if self._speaking:  # MiniCPM-o was interrupted in mid-turn
                self._end_turn()
                yield from self._flush()
            case "response.output.delta":
                yield from self._piece(message)

    def sent(self, message: Message) -> None:
        """What was sent, where it has one under an ``event_id`` by which an error may name it."""
        if message["type"] in EXCUSED:
            self._excused.add(str(message.get("event_id", "")))
        if message["type"] not in AUDIO:
            self._last_sent = message["type"]

    def give_text(self, message: Message) -> None:
        """Send a text message of the user and have it answered."""
        self.replies.append(message)
        self._owe()

    def give_result(self, result: ToolResult) -> None:
        """Send what a function gave back and have it taken up."""
        self.replies.append({"type": "conversation.item.create", "item": result_item(result)})
        self._unanswered.discard(result.call_id)
        self._owe(self._caller.get(result.call_id))

    def commit(self) -> None:
        """End the user's turn, where it is ours to say, and have it answered."""
        self._user_speaks = False
        self.replies.append({"type": "input_audio_buffer.commit"})
        self._owe()

    def cut_in(self) -> Iterator[Output]:
        """The user begins, where it is ours to say: cancel the response under way, drop what is unheard.

        One that was asked for and has not begun is cancelled when it does; no other is asked for until
        ``commit``.
        """
        self._user_speaks, self._unwanted = True, self._asked
        if self.responding:
            self._cancel()
        yield from self._flush()

    def _cancel(self) -> None:
        self.replies.append({"type": "response.cancel"})
        if not self._dialect.confirms_cancel:
            self.responding = ""

    def _forget_response(self) -> None:
        """The service has cancelled what it said; where it will not say when that is done, it is done now.

        What it was asked for and had not begun may be dropped with it: it is not waited for either.
        """
        if self._dialect.confirms_cancel:
            return
        self._asked = False
        if self.responding:
            self._over.add(self.responding)
            self.responding = ""
            self._settle()

    def told_heard(self, item: str, ms: float) -> None:
        """Tell the service that only ``ms`` of a reply were heard, where it can be told.

        Never more than was received of it, which would be an error; of unknown replies nothing is told.
        """
        known = item in self._received_ms and item in self._response_of
        if self._dialect.truncates and known:
            self.replies.append(truncation(item, int(min(ms, self._received_ms[item]))))

    def _owe(self, caller: str | None = None) -> None:
        """There is something to answer: results of calls of that response, or what the user said."""
        self._unseen.add(caller)
        self._settle()

    def _settle(self) -> None:
        incomplete = {self._caller[call_id] for call_id in self._unanswered}
        waits = self.responding or self._asked or self._user_speaks
        if self._unseen - incomplete and not waits:
            self._asked = True
            self.replies.append({"type": "response.create"})

    def _of(self, message: Mapping[str, Any]) -> str:
        """The response that a message is of; its item, if nothing says of which response that is."""
        item = str(message.get("item_id") or (message.get("item") or {}).get("id") or "")
        named = str(message.get("response_id") or "")
        response = named or self._response_of.get(item) or self.responding or item
        if item:
            self._response_of[item] = response
        self._begun.add(response)
        return response

    def _item(self, message: Mapping[str, Any]) -> str:
        """What stands for the reply: the item's id, or else its response's."""
        return str(message.get("item_id") or self._of(message))

    def _is_cut(self, message: Mapping[str, Any]) -> bool:
        return not self._cut.isdisjoint({self._of(message), str(message.get("item_id") or "")} - {""})

    def _flush(self) -> Iterator[Output]:
        """All that has begun is cut."""
        self._cut |= self._begun - {""}
        self._samples.end()
        if self._unheard:
            self._unheard.clear()
            yield Output(flush=True)

    def _cut_response(self, response: str) -> Iterator[Output]:
        yield from self._drop([item for item, of in self._unheard.items() if of == response])
        self._cut.add(response)

    def _cut_item(self, item: str) -> Iterator[Output]:
        yield from self._drop([item] if item in self._unheard else [])
        self._cut.add(item)

    def _drop(self, items: list[str]) -> Iterator[Output]:
        if items:
            self._samples.end(*items)
            for item in items:
                del self._unheard[item]
            yield Output(flush=True, flush_only=tuple(items))

    def _response_began(self, response: Mapping[str, Any]) -> None:
        self._unnamed += 1
        begun = str(response.get("id") or f"unnamed-{self._unnamed}")
        self._begun.add(begun)
        self._asked, unwanted, self._unwanted = False, self._unwanted, False
        if begun not in self._over:
            self.responding = begun
        if not unwanted:
            self._unseen.clear()
            return
        self._cut.add(begun)
        if self.responding == begun:
            self._cancel()
        self._settle()

    def _response_ended(self, response: Mapping[str, Any]) -> Iterator[Output]:
        status, ended = response.get("status"), str(response.get("id") or self.responding)
        if status == "failed":
            why = read_error(response.get("status_details") or {})
            raise self._dialect.refusals.error("the response failed:", why)
        self._over.add(ended)
        self._samples.end(ended, "")
        calls = self._calls.pop(ended, {})
        if status == "completed":
            for item in (*response.get("output", ()), *calls.values()):
                yield from self._call(item, ended)
        if status == "cancelled":
            yield from self._cut_response(ended)
        if ended == self.responding or self.responding.startswith("unnamed-"):
            self.responding = ""
        self._settle()

    def _audio(self, message: Mapping[str, Any]) -> Iterator[Output]:
        if self._is_cut(message):
            return
        rate = message.get("sample_rate_hz") or self._rate_out
        if rate != self._rate_out:
            came = plain(str(rate), 20)
            raise ProtocolError(f"audio came at {came} Hz instead of {self._rate_out}; set rate_out={came}")
        yield self._spoken(message["delta"], self._item(message), response=self._of(message))

    def _spoken(self, audio: str, item: str, text: str = "", response: str = "") -> Output:
        samples = self._samples.join(from_base64(audio), item)
        self._unheard[item] = response
        ms = 1000 * len(samples) / self._rate_out
        self._received_ms[item] = self._received_ms.get(item, 0.0) + ms
        return Output(audio=samples, transcript=(Transcript(text),) if text else (), item=item)

    def _transcript(self, message: Mapping[str, Any]) -> Iterator[Output]:
        if not self._is_cut(message):
            yield Output(transcript=(Transcript(message["delta"]),), item=self._item(message))

    def _text(self, message: Mapping[str, Any]) -> Iterator[Output]:
        if self._dialect.text_is_spoken:
            yield from self._transcript(message)
        elif not self._is_cut(message):
            yield Output(text=message["delta"], item=self._item(message))

    def _remember_call(self, response: str, item: Mapping[str, Any]) -> None:
        if item.get("type") == "function_call":
            calls = self._calls.setdefault(response, {})
            key = str(item.get("id") or item.get("call_id"))
            known = {k: v for k, v in item.items() if v not in (None, "") and k != "status"}
            calls[key] = {**calls.get(key, {}), **known}

    def _item_done(self, message: Mapping[str, Any]) -> Iterator[Output]:
        item, calls = message["item"], self._calls.get(self._of(message), {})
        if item.get("status", "completed") == "completed" and not self._is_cut(message):
            yield from self._call({**calls.get(str(item.get("id")), {}), **item}, self._of(message))

    def _call(self, item: Mapping[str, Any], response: str) -> Iterator[Output]:
        if item.get("type") != "function_call" or item["call_id"] in self._caller:
            return
        call = tool_call(item["call_id"], item["name"], item.get("arguments"))
        self._caller[call.call_id] = response
        self._unanswered.add(call.call_id)
        yield Output(tool_calls=(call,))

    def _failed(self, message: Mapping[str, Any]) -> None:
        said, error = read_error(message), message.get("error")
        about = str(error.get("event_id") or "") if isinstance(error, Mapping) else ""
        if (message.get("sglang") or {}).get("fatal") or self._dialect.refusals.rule(said):
            raise self._dialect.refusals.error("the service reports:", said)
        late = about in self._excused if about else self._last_sent in EXCUSED
        if late and set(said.codes).isdisjoint(_SERVERS_FAULT):
            return
        self._asked = self._unwanted = False
        if set(said.codes).isdisjoint(EXCUSED_CODES):
            self.complaint = str(said)

    def _unit(self, message: Mapping[str, Any]) -> Iterator[Output]:
        """One second of MiniCPM-o's speech, with text that runs ahead of it."""
        self._speaking = True
        yield self._spoken(message.get("audio") or "", f"turn-{self._turn}", message.get("text") or "")
        if message.get("end_of_turn"):
            self._end_turn()

    def _piece(self, message: Mapping[str, Any]) -> Iterator[Output]:
        """A piece of a later MiniCPM-o; its "listen" may be an end or an interruption: nothing is flushed."""
        kind = message.get("kind")
        if kind == "audio":
            self._speaking = True
            yield self._spoken(message["audio"], f"turn-{self._turn}")
        elif kind == "text":
            yield Output(transcript=(Transcript(message["text"]),), item=f"turn-{self._turn}")
        elif kind == "listen" and self._speaking:
            self._end_turn()

    def _end_turn(self) -> None:
        self._speaking = False
        self._samples.end()
        self._turn += 1
