"""cascade: instructions become plans, plans are kept on time, and a spoken session goes as it must."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from tml_bench.adapter import MicroTurn, SessionStart
from tml_bench.adapters.cascade import Cascade, mouth, plans
from tml_bench.adapters.cascade.dialogue import DueSpeech, RecognisedTurn, SpokenDialogue
from tml_bench.adapters.cascade.language import understand
from tml_bench.adapters.cascade.phrases import reply, seconds
from tml_bench.perception import asr
from tml_bench.synthesis import engines, speech, voices

needs_speech = pytest.mark.skipif(
    bool(engines.missing("hibari") or asr.missing()) or find_spec("pocketsphinx") is None,
    reason="needs the extras voices and speech",
)
TICK_S = 0.2
TICK_NS = 200_000_000


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("In seven seconds, say banana.", plans.SayAt(((7.0, "Banana."),))),
        ("in 7 seconds say banana", plans.SayAt(((7.0, "Banana."),))),
        ("Remind me to turn the oven off in half a minute.", plans.SayAt(((30.0, "Turn the oven off."),))),
        ("Please wait ten seconds and then say, lights out.", plans.SayAt(((10.0, "Lights out."),))),
        ("Set a timer for twenty five seconds.", plans.SayAt(((25.0, "Time's up."),))),
        (
            "at 10 20 and 30 seconds say hello.",
            plans.SayAt(((10.0, "Hello."), (20.0, "Hello."), (30.0, "Hello."))),
        ),
        ("Say start at 5 seconds and stop at 12 seconds.", plans.SayAt(((5.0, "Start."), (12.0, "Stop.")))),
        (
            "Count down from 3 to 1, starting in 2 seconds.",
            plans.SayAt(((2, "Three."), (3, "Two."), (4, "One."))),
        ),
        ("Every five seconds, say tick.", plans.RepeatPlan(("Tick.",), 5.0, 5.0)),
        ("Say tick every 5 seconds until I tell you to stop.", plans.RepeatPlan(("Tick.",), 5.0, 5.0)),
        ("Every other second, say tock.", plans.RepeatPlan(("Tock.",), 2.0, 2.0)),
        (
            "If I say nothing for six seconds, ask me if I'm still there.",
            plans.IfSilent(6.0, "Are you still there?"),
        ),
        (
            "Tell me you can't hear me when I've been quiet for 8 seconds.",
            plans.IfSilent(8.0, "I can't hear you."),
        ),
        ("Three seconds after I say go, say launch.", plans.AfterWord("go", 3.0, "Launch.")),
        ("When I say go, wait 3 seconds and then say launch.", plans.AfterWord("go", 3.0, "Launch.")),
        ("Talk for about fifteen seconds about the ocean.", plans.TalkPlan(15.0, "the ocean")),
        ("How long has it been?", plans.HowLong("it been")),
        ("Make that ten.", plans.ChangePlan(10.0)),
        ("No, make it 12 seconds.", plans.ChangePlan(12.0)),
        ("Five seconds later than that.", plans.ChangePlan(5.0, relative=True)),
        ("Start the timer again.", plans.ChangePlan(None, restart=True)),
        ("Okay, stop.", plans.StopPlan()),
        ("That's enough, thank you.", plans.StopPlan()),
        ("Count how many times I say the word river.", plans.CountWord("river")),
        ("Whenever I say pumpkin, you say boo.", plans.OnWord("pumpkin", "Boo.")),
        ("Whenever I use a Spanish word, tell me what it is in English.", plans.TranslatePlan("spanish")),
        ("What's the capital of Peru?", plans.AnswerPlan("Lima.")),
        ("Each time I name a country, tell me its capital.", plans.AssociatePlan("capital")),
        ("Say hello.", plans.AnswerPlan("Hello.")),
        ("Could you let me know when fifteen seconds have passed?", plans.SayAt(((15.0, "Time's up."),))),
        ("Give me a shout in 20 seconds.", plans.SayAt(((20.0, "Time's up."),))),
        ("Say ping once every four seconds until I say stop.", plans.RepeatPlan(("Ping.",), 4.0, 4.0)),
        (
            "Say red after two seconds, then blue after five seconds.",
            plans.SayAt(((2.0, "Red."), (5.0, "Blue."))),
        ),
        ("Ask me whether I'm done in twelve seconds.", plans.SayAt(((12.0, "Are you done?"),))),
        ("Every six seconds, with a short wait first, say ping.", plans.RepeatPlan(("Ping.",), 6.0, 6.0)),
        (
            "Say, next one, every five seconds, with the first now.",
            plans.RepeatPlan(("Next one.",), 5.0, 5.0),
        ),
        ("If nobody says anything for nine seconds, say hello.", plans.IfSilent(9.0, "Hello.")),
        (
            "Once I stop talking, say red after 3 seconds and blue at 7.",
            plans.SayAt(((3.0, "Red."), (7.0, "Blue."))),
        ),
        ("Six seconds of quiet, please, and then say, good night.", plans.SayAt(((6.0, "Good night."),))),
        ("Count out loud to two, one number each second.", plans.SayAt(((0.5, "One."), (1.5, "Two.")))),
        ("Count to three.", plans.SayAt(((0.5, "One."), (1.5, "Two."), (2.5, "Three.")))),
        ("Can you make that five seconds longer?", plans.ChangePlan(5.0, relative=True)),
        (
            "In 12 seconds, say marble. Actually, make that 6.",
            plans.AmendedPlan(plans.SayAt(((12.0, "Marble."),)), plans.ChangePlan(6.0)),
        ),
        (
            "If I say nothing for 7 seconds, say hello. Oh, don't bother, I am going to have a long nap now.",
            plans.AmendedPlan(plans.IfSilent(7.0, "Hello."), plans.StopPlan()),
        ),
        ("Six seconds with nothing from me, and you say, next.", plans.IfSilent(6.0, "Next.")),
        ("After I say dark, I need 9 seconds, and then you say, now.", plans.AfterWord("dark", 9.0, "Now.")),
        ("I'll say landed. Leave 3 seconds, then say, mine.", plans.AfterWord("landed", 3.0, "Mine.")),
        ("Lyon is the capital of France, I think.", None),
        ("Nice weather today.", None),
        ("I told her to stop at the shop on the way because we were out of milk and bread.", None),
    ],
)
def test_instructions_become_plans(text: str, plan: plans.Plan | None) -> None:
    assert understand(text) == plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('say "now then" when you are ready', "Now then."),
        ("tell me that I should go home, please", "You should go home."),
        ("ask me if I can see it", "Can you see it?"),
        ("ask me what my name is", "What your name is?"),
        ("nothing of the sort", ""),
    ],
)
def test_what_is_to_be_said(text: str, said: str) -> None:
    assert reply(text) == said


@pytest.mark.parametrize(
    ("text", "value"),
    [("half a minute", 30), ("a minute and a half", 90), ("twenty-five seconds", 25), ("2 minutes", 120)],
)
def test_lengths_of_time(text: str, value: float) -> None:
    assert seconds(text) == value


def heard(text: str, start_s: float, end_s: float) -> RecognisedTurn:
    words = text.split()
    ends = np.linspace(start_s, end_s, len(words) + 1)[1:]
    return RecognisedTurn(text, list(zip(words, ends.tolist(), strict=True)), start_s, end_s)


def said_by(
    dialogue: SpokenDialogue, until_s: float, silent_since_s: float
) -> list[tuple[float, str | plans.TalkPlan]]:
    found = []
    while due := dialogue.take(until_s, silent_since_s):
        found.append((due.at_s, due.say))
    return found


def test_a_series_goes_on_until_stopped_and_skips_what_was_missed() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("Every 3 seconds, say tick.", 0.0, 2.0))
    assert dialogue.take(4.9, 2.0) is None
    assert dialogue.take(5.1, 2.0) == DueSpeech(5.0, "Tick.", plans.RepeatPlan(("Tick.",), 3.0, 3.0))
    late = dialogue.take(15.0, 2.0)  # 8, 11 and 14 were due
    assert late is not None
    assert late.at_s == 8.0
    assert [at for at, _ in said_by(dialogue, 18.0, 2.0)] == [14.0, 17.0]
    dialogue.hear(heard("Stop.", 18.0, 18.5))
    assert said_by(dialogue, 100.0, 18.5) == []


def test_a_time_is_changed_and_counts_from_the_first_request_or_from_now() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("In 12 seconds, say banana.", 0.0, 2.0))
    dialogue.hear(heard("Make that 10.", 4.0, 5.0))
    assert said_by(dialogue, 100.0, 5.0) == [(12.0, "Banana.")]
    dialogue.hear(heard("In 8 seconds, say apple.", 20.0, 22.0))
    dialogue.hear(heard("Start again.", 25.0, 26.0))
    assert said_by(dialogue, 100.0, 26.0) == [(34.0, "Apple.")]


def test_what_a_turn_takes_back_is_not_done() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("In 12 seconds, say marble. Sorry, make that 20.", 0.0, 4.0))
    assert said_by(dialogue, 100.0, 4.0) == [(24.0, "Marble.")]
    dialogue.hear(heard("In 12 seconds, say marble. No, forget it.", 30.0, 34.0))
    assert said_by(dialogue, 100.0, 34.0) == []


def test_silence_is_counted_from_the_last_sound_and_noticed_once() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("If I say nothing for 6 seconds, say hello.", 0.0, 3.0))
    assert said_by(dialogue, 9.0, 3.0) == []
    assert said_by(dialogue, 9.1, 3.0) == [(9.0, "Hello.")]
    assert said_by(dialogue, 60.0, 3.0) == []
    dialogue.hear(heard("I am here.", 61.0, 62.0))
    assert said_by(dialogue, 100.0, 62.0) == [(68.0, "Hello.")]


def test_a_word_starts_a_time_at_its_own_end() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("Three seconds after I say go, say launch.", 0.0, 3.0))
    assert said_by(dialogue, 50.0, 3.0) == []
    dialogue.hear(heard("Ready, go! And off", 10.0, 14.0))
    assert said_by(dialogue, 50.0, 14.0) == [(15.0, "Launch.")]


def test_elapsed_time_is_since_what_is_named() -> None:
    dialogue = SpokenDialogue()
    dialogue.hear(heard("The kettle goes on.", 0.0, 2.0))
    dialogue.hear(heard("And here are the cups.", 5.0, 7.0))
    dialogue.hear(heard("How long ago did the kettle go on?", 12.0, 14.0))
    assert said_by(dialogue, 50.0, 14.0)[-1] == (14.0, "About ten seconds.")


def test_standing_orders_are_followed_at_the_turn_s_end() -> None:
    dialogue = SpokenDialogue()
    for order in (
        "Count how many times I say the word river.",
        "Whenever I say pumpkin, you say boo.",
        "Whenever I use a Spanish word, tell me what it is in English.",
    ):
        dialogue.hear(heard(order, 0.0, 2.0))
    dialogue.hear(heard("A river, a pumpkin, and my perro by the river.", 5.0, 9.0))
    assert said_by(dialogue, 50.0, 9.0) == [(9.0, "Two. Boo. Dog.")]


@dataclass
class Spoken:
    text: str
    start_s: float
    end_s: float


def talk_with(agent: Cascade, laid: dict[float, str], until_s: float) -> tuple[list[Spoken], list[float]]:
    """What the agent says to turns whose first sounds are at given times, and when it flushes."""
    audio = np.zeros(round(until_s * 16000), np.float32)
    for at_s, text in laid.items():
        clip = voices.render(text, "us-f-1").samples
        first = round((at_s - voices.PAD_S) * 16000)
        audio[first : first + len(clip)] += clip
    agent.start(SessionStart("test/1", TICK_NS))
    said: list[Spoken] = []
    flushes = []
    heard_ms = waiting_ms = 0.0
    for k in range(round(until_s / TICK_S)):
        block = audio[k * 3200 : (k + 1) * 3200]
        played_ms = min(TICK_S * 1000, waiting_ms)
        heard_ms, waiting_ms = heard_ms + played_ms, waiting_ms - played_ms
        output = agent.step(MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, block, heard_ms=heard_ms))
        if output is None:
            continue
        now_s = (k + 1) * TICK_S
        if output.flush:
            flushes.append(now_s)
            waiting_ms = 0.0
        if output.audio is not None:
            sound = np.asarray(output.audio, np.float32)
            waiting_ms += len(sound) / agent.audio_out * 1000
            start, end = (sample / agent.audio_out for sample in speech.edges(sound, agent.audio_out))
            said.append(Spoken(output.transcript[0].text, now_s + start, now_s + end))
            assert output.transcript[0].words[0].start_s == pytest.approx(start, abs=0.02)
    return said, flushes


@pytest.fixture(scope="module")
def agent() -> Cascade:
    made = Cascade()
    made.warm_up()
    return made


@needs_speech
def test_a_delay_is_kept_on_its_own_clock(agent: Cascade) -> None:
    turn = "In four seconds, say banana."
    end_s = 0.5 + len(voices.render(turn, "us-f-1").samples) / 16000 - 2 * voices.PAD_S
    said, flushes = talk_with(agent, {0.5: turn}, 9.0)
    assert [(s.text, s.start_s) for s in said] == [("Banana.", pytest.approx(end_s + 4.0, abs=0.12))]
    assert not flushes
    assert talk_with(agent, {0.5: turn}, 9.0) == (said, flushes)


@needs_speech
def test_it_talks_about_as_long_as_asked_and_stops_when_interrupted(agent: Cascade) -> None:
    ask = "Talk for about ten seconds about the ocean."
    (whole,), _ = talk_with(agent, {0.5: ask}, 6.0)
    assert whole.end_s - whole.start_s == pytest.approx(10.0, rel=0.2)
    _, flushes = talk_with(agent, {0.5: ask, 6.0: "Wait, stop there please."}, 9.0)
    assert flushes == [pytest.approx(6.4, abs=0.21)]


@needs_speech
def test_it_waits_for_the_silence_it_is_told(agent: Cascade) -> None:
    slow = Cascade(silence_ms=1500)
    turn = {0.5: "What's the capital of Peru?"}
    (early,), _ = talk_with(agent, turn, 5.0)
    (late,), _ = talk_with(slow, turn, 5.0)
    assert (early.text, late.text) == ("Lima.", "Lima.")
    assert late.start_s - early.start_s == pytest.approx(0.8, abs=0.21)


@needs_speech
def test_a_reply_that_falls_due_while_the_user_speaks_waits(agent: Cascade) -> None:
    story = "I went to the market this morning and I bought bread, cheese, a big bag of apples and some tea."
    length = len(voices.render(story, "us-f-1").samples) / 16000
    said, _ = talk_with(agent, {0.5: "In four seconds, say banana.", 4.0: story}, 12.0)
    assert [s.text for s in said] == ["Banana."]
    assert said[0].start_s > 4.0 + length + 0.6 - 2 * voices.PAD_S


def test_talk_of_words_moves_with_its_silence() -> None:
    from tml_bench.adapter import SpokenWord, Transcript

    said = mouth.SpokenClip(np.ones(2400, np.float32), Transcript("Hi.", (SpokenWord("Hi.", 0.0, 0.1),)))
    later = said.later(0.5)
    assert later.seconds == pytest.approx(0.6)
    assert later.transcript.words == (SpokenWord("Hi.", 0.5, 0.6),)
