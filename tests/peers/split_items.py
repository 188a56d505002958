"""The mini set's single-call requests as texts, and a front that has the background model answer them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tml_bench.adapter import MicroTurn, Output, StepAdapter, ToolCall
from tml_bench.adapters.cascade import mouth
from tml_bench.adapters.cascade.assistant import spoken_sentences
from tml_bench.questions import Verdicts
from tml_bench.samples import Reference, Sample, Script, UserText
from tml_bench.task import NO_VERDICTS, BoardScore, Kind, Metric, Score, Task, Value
from tml_bench.tasks.fd_bench_v3.annotation import ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.loader import samples
from tml_bench.timeline import Timeline

VOICE = "us-f-1"
LATER = "One moment, let me think about that."


class TextQuestions(Task):
    """Each request is written by the user; the model has a minute to answer."""

    name = "text-questions"
    title = "Text questions"
    subsets = ("single-call",)
    metrics = (
        Metric(
            name="answered",
            title="Answered",
            unit="%",
            kind=Kind.RATE,
            describes="The model says more than that it will answer.",
        ),
    )
    headline = ("answered",)
    board = BoardScore("answered", "single-call", "Silence answers nothing.")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """The single-call items of the mini set of FD-bench v3."""
        for item in samples():
            annotation = item.reference.annotation
            assert isinstance(annotation, ScenarioAnnotation)
            if len(annotation.expected) == 1:
                asked = (UserText(0.2, annotation.request),)
                told, tools = item.script.instructions, item.script.tools
                script = Script(texts=asked, tail_s=60.0, instructions=told, tools=tools)
                yield Sample(
                    item.id, "single-call", replace(script, world=item.script.world), Reference(), item.unit
                )

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether there is speech beside the first sentence."""
        said = {"answered": Value(float(len(timeline.segments) > 1))}
        return Score(self.name, sample.subset, sample.id, sample.unit, said)


class ForwardingFront(StepAdapter):
    """Asks the background model, says that it will answer, and says what that says."""

    audio_out = mouth.OUT_RATE

    def warm_up(self) -> None:
        mouth.warm_up(VOICE)

    def step(self, turn: MicroTurn) -> list[Output]:
        asks = tuple(ToolCall(text, "ask_background", {"request": text}) for text in turn.texts)
        outputs = [Output(tool_calls=asks), self._say(LATER)] if asks else []
        for result in turn.tool_results:
            answer = result.output["answer"] if isinstance(result.output, dict) else "Sorry, I do not know."
            outputs += [self._say(text) for text in spoken_sentences(str(answer))]
        return outputs

    @staticmethod
    def _say(text: str) -> Output:
        said = mouth.say(text, VOICE)
        return Output(audio=said.audio, transcript=(said.transcript,))
