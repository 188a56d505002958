"""What politeness costs a perfect model in TimeSpeak and CueSpeak: 40 natural manners, each on every item.

The model says the first accepted reply at its time, as a person with that manner would: it takes note of the
instruction, closes when told to stop, and puts something around its answers. Where there is no room (the next
reply is due, or a cue may come) it is brief, as a person is. Backchannels inside the user's talk are no
manner here. Judged by the rules; talks of a length, which rules cannot judge, by whether they hold the
accepted text.

    python benchmarks/timed_manners.py            a line for each manner: both tasks, and the worst families
    python benchmarks/timed_manners.py --dev      the development splits alone
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from tml_bench.judges.rules import RuleJudge
from tml_bench.plain_text import plain
from tml_bench.plugins import load_task
from tml_bench.questions import Question, Verdict
from tml_bench.samples import Sample, Utterance
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.table import ScoreTable, mean_of
from tml_bench.task import Overall, Score, Task
from tml_bench.tasks._timed.expected import (
    SHORTEST_REPLY_S,
    SILENCE_S,
    WORD_S,
    DueEvent,
    TimedAnnotation,
    expected_of,
)
from tml_bench.tasks._timed.items import ScheduledWindow
from tml_bench.tasks._timed.meaning.rule import ACCEPTED, REPLY, RIGHT
from tml_bench.tasks._timed.strategies import spoken
from tml_bench.timeline import Timeline

APART_S = 0.1
"""How much more silence than separates two utterances is left between a remark and an answer."""
AFTER_TURN_S = 0.4
"""How long after the user has finished a remark begins."""


class Manner(NamedTuple):
    """How a perfect model speaks.

    Attributes:
        instructed: said after the instruction; empty for nothing.
        stopped: said when told to stop.
        timed: what stands around an answer that is due at a time, ``{}`` for the answer and ``{d}`` for the
            seconds that were named; where none were, `answered`.
        answered: what stands around any other answer to the user.
        cued: what stands around a reaction while the user talks on.
    """

    instructed: str = ""
    stopped: str = ""
    timed: str = "{}"
    answered: str = "{}"
    cued: str = "{}"


MANNERS = (
    # Takes note of the instruction, in one word to fifteen.
    Manner("Sure."),
    Manner("Okay, no problem."),
    Manner("Alright, I can do that for you."),
    Manner("Yep, leave it to me."),
    Manner("Of course, happy to help."),
    Manner("Got it."),
    Manner("That sounds like fun, let's do it."),
    Manner("Understood. I'm paying attention."),
    Manner("Absolutely, just keep talking and I'll jump in when it's needed."),
    Manner("My pleasure."),
    Manner("Mhm."),
    Manner("Good idea, count me in."),
    Manner("Right away, boss."),
    Manner("Okay then, whenever you like, I've got nothing else on my mind today."),
    Manner("Noted, thanks for telling me."),
    # Closes when told to stop.
    Manner(stopped="Okay, stopping there."),
    Manner(stopped="You're welcome!"),
    Manner(stopped="Sure thing, that was nice work."),
    Manner(stopped="Alright, all done. Let me know if you want another round."),
    Manner("Will do.", stopped="No worries, enjoy the rest of your day."),
    # Something before the answer.
    Manner(timed="Okay, {}", answered="Well, {}", cued="Oh, {}"),
    Manner(timed="Right then: {}", answered="So, {}", cued="Ahem, {}"),
    Manner(timed="Here we go. {}", answered="Let me think. {}", cued="Hang on. {}"),
    Manner(timed="Alright, and now: {}", answered="Good question. {}", cued="Ah, yes: {}"),
    Manner(timed="Hey there, {}", answered="Okay, so: {}", cued="Just quickly: {}"),
    # The time, announced.
    Manner(timed="It's been {d} seconds. {}", cued="There it is: {}"),
    Manner(timed="Time's up! {}", cued="I heard one: {}"),
    Manner(timed="That's {d} seconds now, so: {}", cued="There's another: {}"),
    # Something after it.
    Manner(timed="{} I hope that helps.", answered="{} I hope that helps.", cued="{} Go on."),
    Manner(timed="{} Keep it up!", answered="{} Not bad!", cued="{} Keep going."),
    Manner(timed="{} Anything else?", answered="{} Anything else?", cued="{} Sorry, carry on."),
    Manner(timed="{} You're doing great.", answered="{} More or less.", cued="{} But please go on."),
    Manner(timed="{} There you are.", answered="{} If I counted right.", cued="{} Thanks."),
    # Polite frames.
    Manner(timed="Excuse me, {}", answered="I'd say {}", cued="Sorry to cut in, {}"),
    Manner(timed="As you asked: {}", answered="To answer that: {}", cued="If I may: {}"),
    Manner(timed="Just a quick reminder, {}", answered="By my count, {}", cued="Pardon me, {}"),
    # Several of these.
    Manner("Sure, happy to.", "Glad I could help.", "Okay, time. {} Good luck!", "Okay: {}", "Oh, {}"),
    Manner("Okay!", "Okay, done.", "Excuse me, {} Thank you.", "Hmm, {} I believe.", "Sorry, {}"),
    Manner("Yes, gladly.", "Any time.", "Hi, me again. {}", "Well now. {}", "Ooh, {} Go ahead."),
    Manner("Fine by me.", "Cheers!", "There we are: {} All the best.", "Ah. {}", "Wait, {} Okay, go on."),
)


class KnowingJudge(RuleJudge):
    """The rules; where they cannot tell, right if the reply holds the words of an accepted example."""

    @property
    def id(self) -> str:
        """As of another judge than the rules."""
        return f"knowing {super().id}"

    def _decide(self, question: Question) -> Verdict:
        verdict = super()._decide(question)
        if verdict.answer is not None:
            return verdict
        (reply,) = map(plain, question.texts(REPLY))
        held = any(plain(text) in reply for text in question.texts(ACCEPTED))
        return Verdict(RIGHT if held else "wrong", judge="knowing")


def lasts_s(text: str) -> float:
    """How long a text takes to say."""
    return max(SHORTEST_REPLY_S, WORD_S * len(text.split()))


def mannered(manner: Manner, sample: Sample) -> Timeline:
    """The ideal respondent with a manner."""
    item = expected_of(sample)
    ideal = sample.reference.ideal
    answers = [_answer(manner, item, ideal, k) for k in range(len(ideal))]
    said, apart_s = [*answers], max(SILENCE_S, item.silence_s) + APART_S
    told = [(item.turns[0].end_s, manner.instructed)]
    if item.quiet_from:
        told.append((max(turn.end_s for turn in item.turns), manner.stopped))
    for end_s, text in told:
        begins = end_s + AFTER_TURN_S
        ends = begins + lasts_s(text)
        busy = any(a.at_s - apart_s < ends and begins < (a.until_s or a.at_s) + apart_s for a in answers)
        due = any(d.target.holds(begins) for d in item.due)
        if text and not busy and not due:
            said.append(Utterance(begins, until_s=ends, text=text))
    return spoken(item, sorted(said, key=lambda one: one.at_s))


def _answer(manner: Manner, item: TimedAnnotation, ideal: Sequence[Utterance], k: int) -> Utterance:
    plain_reply, due = ideal[k], item.due[k]
    text = _frame(manner, item, due).replace("{}", plain_reply.text)
    if due.event.speech:
        return Utterance(plain_reply.at_s, until_s=plain_reply.until_s, text=text)
    ends = plain_reply.at_s + lasts_s(text)
    following = [said.at_s for said in ideal[k + 1 : k + 2]] + list(item.quiet_from)
    if any(plain_reply.at_s < at < ends + item.silence_s + APART_S for at in following):
        return plain_reply
    return Utterance(plain_reply.at_s, until_s=ends, text=text)


def _frame(manner: Manner, item: TimedAnnotation, due: DueEvent) -> str:
    window = due.event.window
    if item.item.task == "cs":
        return manner.cued
    if isinstance(window, ScheduledWindow):
        named = window.d_s or window.period_s or 0.0
        return manner.timed.replace("{d}", f"{named:g}")
    return manner.answered


def reached(
    task: Task, samples: Sequence[Sample], player: Callable[[int, Sample], Timeline]
) -> tuple[dict[str, float], Sequence[Score]]:
    """``on_time`` in percent over all and in each family, and all scores, of a player of items by number."""
    pairs = [(sample, player(k, sample)) for k, sample in enumerate(samples)]
    scores = score_all(task, pairs, KnowingJudge(task.rules)).scores
    (metric,) = (m for m in task.metrics if m.name == "on_time")
    parts = (*task.overall, *(Overall(family, (family,)) for family in task.subsets))
    means = {part.name: mean_of(ScoreTable(scores), part, metric)[0] for part in parts}
    return {part: 100 * mean for part, mean in means.items() if mean is not None}, scores


def _always(manner: Manner, _: int, sample: Sample) -> Timeline:
    return mannered(manner, sample)


def main() -> None:
    """Print the table."""
    splits: list[tuple[str, ...]] = [("timespeak",), ("cuespeak",)]
    if "--dev" not in sys.argv:
        splits = [(name, f"{name}-test") for (name,) in splits]
    sets = [(load_task(names[0]), [s for n in names for s in load_task(n).samples()]) for names in splits]
    print("| manner | " + " | ".join(f"{task.name} | worst families" for task, _ in sets) + " |")
    print("| --- |" + " --- | --- |" * len(sets))
    for manner in MANNERS:
        cells = []
        for task, samples in sets:
            means, _ = reached(task, samples, partial(_always, manner))
            whole = means.pop(task.overall[0].name)
            worst = sorted((value, family) for family, value in means.items() if value < 97)[:3]
            cells += [f"{whole:.1f}", ", ".join(f"{family} {value:.0f}" for value, family in worst)]
        print(f"| {' / '.join(part for part in manner if part != '{}')} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
