"""Words around a number that tell whether it counts repetitions; read by `tml_bench.perception.counts`."""

# ruff: noqa: SIM905 -- word lists read better as text

LEADS = frozenset(
    (
        "that's thats that there's there it's is was and plus makes make okay ok yes yep yeah now then so "
        "number rep repetition count reps just only have got did done been seen see saw count counted "
        "counting completed total at with we're you're i'm say said up the of to be rather mean meant well "
        "all right alright good great nice"
    ).split()
)
"""May stand before "one", or before a word that sounds like the next number, where it counts."""
RELATIVE_LEADS = frozenset("that's thats that is there's there it's makes and plus".split())
"""Say that "two more" has been done."""
FILLERS = frozenset("okay ok oh yes yep yeah then so now well um uh".split())
RELATIVE_TAILS = frozenset("done down complete completed now there".split())
REPETITIONS = frozenset("rep reps repetition repetitions time times".split())
UNITS = frozenset(
    (
        "second seconds sec secs s minute minutes min mins hour hours day days week weeks month months year "
        "years percent % degrees degree ° kilo kilos kg kilograms pound pounds lb lbs gram grams metre "
        "metres meter meters m km mile miles foot feet inch inches cm calories calorie kcal dollars dollar "
        "euros bucks am pm o'clock bpm hz fps sets set rounds round points point third thirds quarter "
        "quarters half halves people person men women man woman hands hand arms arm legs leg dumbbells "
        "dumbbell weights videos cameras guys friends sides exercises options things words numbers digits "
        "figures moment"
    ).split()
)
"""A number before one of these measures or counts something else than repetitions."""
LABELS = frozenset(
    (
        "set round day week month year level step part phase exercise station chapter version video camera "
        "channel season lesson block circuit minute minutes second seconds hour hours verse zone gear page "
        "question option stage age"
    ).split()
)
"""A number after one of these names a thing."""
NEVER_AFTER = frozenset(
    (
        "minus negative double triple point not isn't isnt wasn't wasnt until till before after almost "
        "nearly reach reaching need needs want wants than over under below above past beyond least $ £ € "
        "high from do another every next take per by times"
    ).split()
)
"""A number after one of these is no count: signs, denials, aims, bounds."""
OF_THE_COUNT = frozenset("total count tally sum score".split())
"""``of`` opens an aim ("7 of 20", "a set of ten") but after these."""
AIMS = frozenset("goal target aim".split())
TO_AN_AIM = frozenset(
    "count counting counts go going get getting gets way halfway close next back scale closer up".split()
)
"""``to`` after these opens an aim: "count to ten"."""
FOR_AN_AIM = frozenset(
    "aim aiming go going shoot shooting push pushing try trying ask asking hold holding rest".split()
)
LEFT_NEXT = frozenset("last final extra additional other further next coming".split())
"""Right after a number, they say what is still to come."""
LEFT = frozenset("left remain remains remaining more".split())
"""After a number, or a few words later, they say what is still to come; so does "to go"."""
RESETS = tuple(
    tuple(phrase.split())
    for phrase in (
        "start over", "starting over", "start again", "starting again", "begin again", "beginning again",
        "restart", "restarting", "reset", "resetting", "from the top", "from the beginning", "from the start",
        "from scratch", "new set", "next set", "second set", "start fresh",
    )
)  # fmt: skip
"""After these a new series begins."""
CORRECTIONS = tuple(
    tuple(phrase.split())
    for phrase in (
        "no", "nope", "sorry", "oops", "whoops", "wait", "actually", "correction", "i mean", "i meant",
        "rather", "scratch that", "make that", "make it", "my bad", "my mistake", "should be", "should say",
        "hold on", "hang on", "miscounted", "misspoke", "excuse me", "pardon", "let me correct",
    )
)  # fmt: skip
BESIDE_A_CORRECTION = frozenset(
    (
        "that that's thats is was it it's i say said me my no um uh er hmm oh okay ok well the a at or "
        "we're you're now there should be have been count number rep"
    ).split()
)
"""Words that may stand beside a correction between the two numbers."""
NUMBERS_A_NUMBER = frozenset("that's thats is it's its rep repetition was".split())
"""``No.`` right after these abbreviates "number"."""
ALTERNATIVES = frozenset("or maybe perhaps possibly probably is it it's was even was it's".split())
BEFORE_AN_ORDINAL = frozenset(
    "the that's thats my your his her their our number and is rep was this now".split()
)
AFTER_AN_ORDINAL = frozenset("one done down complete completed now already and is".split()) | REPETITIONS
AFTER_A_COUNT = AFTER_AN_ORDINAL | frozenset(
    "so far yet again in out of for up good nice great keep come go let's you you're we're that's".split()
)
"""After a number these are no noun."""
NOTHING = frozenset("none nothing".split())
