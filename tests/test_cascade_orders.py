"""Standing orders: what the rules make of how people give them, and where something is noticed."""

from __future__ import annotations

import pytest

from tml_bench.adapters.cascade import plans
from tml_bench.adapters.cascade.language import understand
from tml_bench.adapters.cascade.noticing import noticed
from tml_bench.adapters.cascade.sums import numbers, slips


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("At the word river, you go splash.", plans.OnWord("river", "Splash.")),
        ("Each time you hear the word pepper, say achoo for me.", plans.OnWord("pepper", "Achoo.")),
        ("Say beep whenever I say the word budget.", plans.OnWord("budget", "Beep.")),
        ("When I say and off we went, you say whee.", plans.OnWord("and off we went", "Whee.")),
        (
            "If I say left, you say port. If I say right, you say starboard.",
            plans.OnWords((("left", "Port."), ("right", "Starboard."))),
        ),
        (
            "Any um, er or you know, and you say ping.",
            plans.OnWords((("um", "Ping."), ("er", "Ping."), ("you know", "Ping."))),
        ),
        ("For any uh, you say toot.", plans.OnWord("uh", "Toot.")),
        ("I say like too much. Say pling every time I do it.", plans.OnWord("like", "Pling.")),
        (
            "Say bell for um, uh, and like when it is padding.",
            plans.OnWords((("um", "Bell."), ("uh", "Bell."))),
        ),
        ("I use the word great too often. Say the count whenever I do.", plans.CountWord("great")),
        ("Every time I say lap, tell us how many laps that's been.", plans.CountWord("lap")),
        ("Say the running total whenever I say the word basically.", plans.CountWord("basically")),
        ("Any French word I use, say it in English.", plans.TranslatePlan("french")),
        ("Whenever I use a foreign word, translate it.", plans.TranslatePlan()),
        ("Whenever I mention a country, say its capital.", plans.AssociatePlan("capital")),
        ("If I name a city, tell me which country it's in.", plans.AssociatePlan("country")),
        ("For every baby animal I name, tell me the grown one.", plans.AssociatePlan("grown animal")),
        ("Tell me the colour of any fruit I mention.", plans.AssociatePlan("colour")),
        ("Whenever I say a number, double it.", plans.DoublePlan()),
        ("If I get a sum wrong, say the right number.", plans.CheckSums()),
        ("Only break in if a fact is wrong.", plans.CheckFacts()),
        ("Translate the next sentence into Spanish.", None),
        ("If I get one wrong, just say it properly.", None),
        ("We talked about the capital and the country all day.", None),
        (
            "Say what you like, I never use a wrong word.",
            plans.AnswerPlan("What you like, I never use a wrong word."),
        ),
    ],
)
def test_orders_become_plans(text: str, order: plans.Plan | None) -> None:
    assert understand(text) == order


@pytest.mark.parametrize(
    ("order", "said", "found"),
    [
        (plans.OnWord("train", "Choo."), "the train and the trainer", [(1, "Choo.")]),
        (
            plans.OnWord("you know", "Oops."),
            "you know that you do know you know",
            [(1, "Oops."), (7, "Oops.")],
        ),
        (plans.OnWord("um", "Oops."), "well umm yes", [(1, "Oops.")]),
        (plans.CountWord("nice"), "a nice and nice day", [(1, ""), (3, "")]),
        (plans.TranslatePlan("italian"), "the casa in the plage", [(1, "House.")]),
        (plans.TranslatePlan("italian"), "the capello and too late", [(1, "Hat.")]),
        (plans.TranslatePlan("french"), "by the fenetre", [(2, "Window.")]),
        (plans.TranslatePlan(), "the casa by the plage", [(1, "House."), (4, "Beach.")]),
        (plans.AssociatePlan("grown animal"), "two lambs and a sheep", [(1, "Sheep.")]),
        (plans.DoublePlan(), "at eight o'clock we ate twenty two plums on the ninth", [(7, "Forty four.")]),
        (plans.DoublePlan(), "and then eleven", [(3, "Twenty two.")]),
        (
            plans.CheckFacts(),
            "lyon is the capital of france and rome is the capital of italy",
            [(5, "Paris.")],
        ),
        (plans.CheckFacts(), "buenos aires is the capital of argentina", []),
    ],
)
def test_where_something_is_noticed(
    order: plans.StandingOrder, said: str, found: list[tuple[int, str]]
) -> None:
    assert noticed(order, said.split()) == found


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("six boxes of four eggs so that's twenty five eggs", [24]),
        ("six boxes of four eggs so that's twenty four eggs", []),
        ("twelve people and five more makes eighteen people", [17]),
        ("ten apples and you lost three so there's eight left", [7]),
        ("half of ten is six and half of eight is four", [5]),
        ("nine euros each and there's two of us so that's 20 euros", [18]),
        ("double seven is fifteen exactly", [14]),
        ("i have thirty teeth and two cats and it is four o'clock", []),
        ("there were two of us in 1984 and that's all", []),
    ],
)
def test_sums_that_are_wrong(said: str, right: list[int]) -> None:
    assert [value for _, value in slips(said.split())] == right


def test_numbers_in_digits_and_words() -> None:
    said = "one twenty-two 305 thirty four and ninety".split()  # noqa: SIM905
    assert [n.value for n in numbers(said)] == [1, 22, 305, 34, 90]
    assert [(n.first, n.end) for n in numbers(said)] == [(0, 1), (1, 2), (2, 3), (3, 5), (6, 7)]
