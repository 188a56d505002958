"""What a conversation is worth: by code, by what a judge decides, and as the reference computes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tml_bench.metrics import judged_events as pooled
from tml_bench.metrics.turn_taking import ONSET_TOLERANCE_S
from tml_bench.metrics.vocalisations import Vocalisation
from tml_bench.questions import Question, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.tasks._common import ScoreSheet, annotation_of, no_words
from tml_bench.tasks._common.speech import vocalisations_of
from tml_bench.tasks.fd_bench_v2 import reference_judging
from tml_bench.tasks.fd_bench_v2.annotation import StagedGoals
from tml_bench.tasks.fd_bench_v2.conversation import HELD, Conversation, conversation_of
from tml_bench.tasks.fd_bench_v2.judged_reply import JudgedReply, read_reply
from tml_bench.tasks.fd_bench_v2.judging import (
    RIGHT,
    confirmation_question,
    score_questions,
    scores_asked,
)
from tml_bench.tasks.fd_bench_v2.measures import BIN_NAMES, METRICS, SCORES
from tml_bench.tasks.fd_bench_v2.rules import NEEDS_JUDGE
from tml_bench.timeline import Timeline, UserLine, WordSource

NO_LINES = "what the user said is not known"
UNREADABLE = "the judge's reply cannot be read"
NO_EVENTS = "the judge names no event with both scores there"
CONFIRMATION = "confirmation"


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What a judge is asked about a conversation; nothing where the model's words are not known."""
    item = annotation_of(sample, StagedGoals)
    if not _held(timeline) or _wordless(timeline):
        return ()
    talk = conversation_of(sample, timeline)
    asked = [] if _is_decided(talk) else [confirmation_question(talk)]
    return (*asked, *score_questions(talk, timeline), reference_judging.question(item, timeline))


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one conversation."""
    sheet = ScoreSheet()
    talk = conversation_of(sample, timeline)
    if not _held(timeline):
        sheet.lack((m.name for m in METRICS if not m.subsets or sample.subset in m.subsets), NO_LINES)
        return sheet
    _by_code(sheet, talk, timeline)
    if _wordless(timeline):
        names = (m.name for m in METRICS if m.judged and (not m.subsets or sample.subset in m.subsets))
        sheet.lack(("stages", *names), no_words(timeline))
        return sheet
    _success(sheet, talk, verdicts)
    for name in scores_asked(talk.item):
        verdict = verdict_of(verdicts, name)
        if verdict.answer is None:
            sheet.lack([name], verdict.missing)
        else:
            sheet.put(**{name: float(verdict.answer)})
    _as_reference(sheet, talk, verdicts)
    return sheet


def _held(timeline: Timeline) -> bool:
    """Whether there was a user, if only one that never came to speak."""
    return bool(timeline.lines) or timeline.ended in HELD


def _wordless(timeline: Timeline) -> bool:
    return bool(timeline.segments) and timeline.word_source is WordSource.NONE


def _is_decided(talk: Conversation) -> bool:
    """Whether success needs no look at the confirmation: the item is out, or has failed before.

    Where only a judge can tell, it is asked about every item: else those that failed before would be all.
    """
    answered = talk.closed and all(stage.covered for stage in talk.stages)
    return talk.censored or (bool(talk.item.final) and not answered)


def _by_code(sheet: ScoreSheet, talk: Conversation, timeline: Timeline) -> None:
    begun = interruptions(vocalisations_of(timeline), talk.turns)
    sheet.put(
        end_reached=talk.closed,
        censored=talk.censored,
        turns_used=len(talk.turns),
        time_to_end=max(line.end_s for line in talk.turns) if talk.closed else None,
        interrupts=len(begun),
    )
    for line in timeline.lines:
        sheet.event(f"user {line.stage} {line.act}: {line.text}", line.start_s, line.end_s)
    for one in begun:
        sheet.event("interrupts the user", one.start_s, one.end_s)


def interruptions(
    vocalisations: Sequence[Vocalisation], turns: Sequence[UserLine]
) -> tuple[Vocalisation, ...]:
    """The model's turns that begin while the user is in one, more than `ONSET_TOLERANCE_S` before its end."""
    return tuple(
        one
        for one in vocalisations
        if one.takeover and any(line.start_s < one.start_s < line.end_s - ONSET_TOLERANCE_S for line in turns)
    )


def _success(sheet: ScoreSheet, talk: Conversation, verdicts: Verdicts) -> None:
    covered = [stage.covered for stage in talk.stages]
    if talk.item.stages:
        sheet.put(stages=sum(covered) / len(covered))
    else:
        sheet.lack(["stages"], NEEDS_JUDGE)
    for stage in talk.stages:
        if stage.start_s is not None:
            told = "answered" if stage.covered else "not answered"
            sheet.event(f"{stage.name} {told}", stage.start_s, stage.end_s)
    if talk.censored:
        sheet.notes.append("time ran out while the conversation went forward: out of success")
    elif _is_decided(talk):
        sheet.put(success=0.0)
    else:
        verdict = verdict_of(verdicts, CONFIRMATION)
        if verdict.answer is None:
            sheet.lack(["success"], verdict.missing)
        else:
            sheet.put(success=talk.closed and all(covered) and verdict.answer == RIGHT)
            sheet.event(f"confirmation {verdict.answer}: {' '.join(talk.confirmation)}", None)


def _as_reference(sheet: ScoreSheet, talk: Conversation, verdicts: Verdicts) -> None:
    names = {n for n, _ in _pooled(JudgedReply((), None))} | {"fdb2_events"}
    task = {"fdb2_task_score"} & _applying(talk.item)
    verdict = verdict_of(verdicts, reference_judging.KEY)
    reply = None if verdict.answer is None else read_reply(verdict.answer)
    if reply is None:
        sheet.lack(sorted(names | task), verdict.missing or UNREADABLE)
        return
    sheet.put(fdb2_events=len(pooled.scored(reply.events)))
    for name, value in _pooled(reply):
        if value is not None:
            sheet.put(**{name: value})
        elif not _is_bin(name):
            sheet.lack([name], NO_EVENTS)
    if task and reply.task is not None:
        sheet.put(fdb2_task_score=reply.task)
    elif task:
        sheet.lack(task, "the judge gives no score of the task")
    for event in reply.events:
        given = f"judged {event.turn_taking} and {event.instruction_following}"
        sheet.event(given, event.start_s, event.end_s)


def _pooled(reply: JudgedReply) -> Iterator[tuple[str, float | None]]:
    """Every pooled score of a reply, by metric."""
    events = reply.events
    ways = {
        "": pooled.plain_means(events),
        "_timed": pooled.timed_means(events),
        "_75": pooled.weighted(events, 0.0, pooled.WINDOW_S),
        "_bins": pooled.mean_of_bins(events),
        **{f"_{part}": found for part, found in zip(BIN_NAMES, pooled.bins(events), strict=True)},
    }
    for ending, found in ways.items():
        for name in SCORES:
            yield f"fdb2_{name}{ending}", getattr(found, name)


def _is_bin(name: str) -> bool:
    """Whether it is a part of the conversation, of which there need not be anything."""
    return name.endswith(BIN_NAMES)


def _applying(item: StagedGoals) -> set[str]:
    return {m.name for m in METRICS if not m.subsets or item.split in m.subsets}
