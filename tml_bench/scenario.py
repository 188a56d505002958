"""What a simulated user wants in a conversation, what it may tell when, and how it behaves.

A `tml_bench.samples.Sample` with a scenario is a closed-loop one: what its user says depends on what the
model said. Words that must or must not be heard are given as alternatives with ``|`` between them, such as
``7|seven``; each is found as whole words, without regard to case and punctuation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the user's goals; they are pursued in order.

    Attributes:
        name: such as ``T1``.
        goal: what is wanted, a sentence: what a language model plays from, and what a judge reads.
        lines: ways of saying it, each in pieces with ``/`` between them where one may pause; empty where only
            a language model can play the scenario.
        covered: what the model must say before the user goes on to the next goal, each entry in one of its
            alternatives; empty where any answer will do.
        again: what the user says, in order, after an answer that did not cover it.
        values: what only this stage tells, and no line before it may say.
    """

    name: str
    goal: str
    lines: tuple[str, ...] = ()
    covered: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the user knows, and tells when it is asked for it.

    Attributes:
        name: what it is.
        asked: words, each in one of its alternatives, that a question for it holds.
        lines: ways of telling it.
        values: what the answer must say, each in one of its alternatives.
        stage: name of the stage from which on it may be told; empty for from the start.
    """

    name: str
    asked: tuple[str, ...]
    lines: tuple[str, ...]
    values: tuple[str, ...] = ()
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a user behaves; what is drawn is drawn by the session's seed. Times are seconds.

    Attributes:
        reaction_s: least time between what is heard and what is done about it.
        endpoint_s: silence of the model after which the user takes its turn for ended.
        gap_median_s: of the gap that is drawn beyond that silence, log-normal.
        gap_mean_s: its mean. The defaults are those of people in ten languages.
        patience_s: silence after a turn of its own after which the user speaks again.
        tries: so many turns in a row without an answer, or that one did not cover a goal, and it hangs up.
        hesitation: probability of hesitating at a place in a turn where one may pause.
        pause_s: longest pause at such a place, of which at least half is drawn.
        barge_in_s: so long into the model's speech the user begins to talk; None for never.
        barge_in_on: words, in alternatives, on which it begins to talk, but for values of the stage it is in.
        backchannel_s: while the model talks so long on end, the user says that it listens; None for never.
        aside: probability of talking to somebody else before a turn.
        silent_at: names of stages before which the user says nothing for its patience.
        yield_s: the user stops once the model has talked into its turn for so long; None for never.
        thinking_s: longer gap, for a user whose words take time to make on the wall clock.
    """

    reaction_s: float = 0.2
    endpoint_s: float = 0.5
    gap_median_s: float = 0.1
    gap_mean_s: float = 0.208
    patience_s: float = 8.0
    tries: int = 3
    hesitation: float = 0.0
    pause_s: float = 0.8
    barge_in_s: float | None = None
    barge_in_on: tuple[str, ...] = ()
    backchannel_s: float | None = None
    aside: float = 0.0
    silent_at: tuple[str, ...] = ()
    yield_s: float | None = None
    thinking_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A user to be simulated.

    Attributes:
        persona: who it is, a sentence.
        stages: its goals, in order.
        facts: what it tells when asked.
        manners: how it behaves.
        voice: a name of ``tml_bench.synthesis.voices``.
        closing: what it says once all goals are covered; ends with ``end_phrase``.
        end_phrase: what ends the conversation, whoever plays the user.
        deferrals: what it says, in order, when asked what it may not tell yet.
        unknown: what it says, in order, once it has said a goal in all words that it has.
        backchannels: what it says while it listens.
        asides: what it says to somebody else.
        hang_up: what it says before it hangs up; empty for nothing.
        prompt: instructions for a language model that plays it, beside the stage it is in; empty for those
            that are made of the rest.
        budget_s: the conversation is cut off after so long.
        turn_limit: most turns of the user, backchannels and asides aside.
        voiced: a folder of its lines as spoken, see ``tml_bench.users.voicing``; None where they are spoken
            when they are needed.
    """

    persona: str
    stages: tuple[Stage, ...]
    facts: tuple[Fact, ...] = ()
    manners: Manners = Manners()
    voice: str = "us-f-1"
    closing: str = "Thank you, that is all. The conversation is over."
    end_phrase: str = "the conversation is over"
    deferrals: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    backchannels: tuple[str, ...] = ("Mm-hm.",)
    asides: tuple[str, ...] = ()
    hang_up: str = ""
    prompt: str = ""
    budget_s: float = 120.0
    turn_limit: int = 12
    voiced: Path | None = None
