"""What is annotated in an item of FD-bench v3."""

import msgspec

from tml_bench.timeline import Word

DOMAINS = ("travel_identity", "finance_billing", "housing_location", "ecommerce_support")
DIFFICULTIES = ("easy", "medium", "hard")
FEATURES = ("FILLER", "PAUSE", "HESITATION", "FALSE_START", "SELF_CORRECTION")


class ExpectedCall(msgspec.Struct, frozen=True):
    """A function that is to be called.

    Attributes:
        function: its name.
        args: its arguments; a text ``$RESULT_0.flights[0].flight_id`` stands for that part of the result of
            the expected call at that place.
    """

    function: str
    args: dict[str, object] = {}


class ScenarioAnnotation(msgspec.Struct, frozen=True):
    """A request and what is expected of the model.

    Attributes:
        scenario: the unit for intervals; several people may speak it.
        domain: one of ``DOMAINS``.
        difficulty: one of ``DIFFICULTIES``, by the number of calls.
        features: of ``FEATURES``, the disfluencies in it.
        rollback: the user corrects an argument after it could already have been used.
        expected: the calls, in order.
        request: what the user says.
        answer: what a right reply says.
        facts: what the spoken reply must hold, ``a|b`` meaning either; empty where only a judge can tell.
        user_words: the user's words with times; empty where not known.
        corrected_s: when the correcting word begins, in seconds; None where there is none or it is not known.
    """

    scenario: str
    domain: str
    difficulty: str
    features: tuple[str, ...]
    rollback: bool
    expected: tuple[ExpectedCall, ...]
    request: str
    answer: str
    facts: tuple[str, ...] = ()
    user_words: tuple[Word, ...] = ()
    corrected_s: float | None = None
