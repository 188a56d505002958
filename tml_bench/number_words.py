"""English words that are numbers, that sound like one, or that stand around one.

Read by `tml_bench.perception.numbers`.
"""

_CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_DETERMINERS = "the a an this that another each every no my your his her its our their"
_BEFORE_A_PRONOUN = (
    "no any every some this that which the another each last next other only same right wrong good nice "
    "great better best new old big small final previous"
)

ONES = {name: value for value, name in enumerate(_CARDINALS.split())}
TENS = {name: 10 * value for value, name in enumerate(_TENS.split(), start=2)}
TENS_AS_SPELT = TENS | {"fourty": 40}
ORDINAL_ONES = {name: value for value, name in enumerate(_ORDINALS.split(), start=1)}
ORDINAL_TENS = {name[:-1] + "ieth": value for name, value in TENS_AS_SPELT.items()}
SCALES = {"hundred": 100, "thousand": 1000}
ORDINAL_SCALES = {"hundredth": 100, "thousandth": 1000}
HOMOPHONES = {"to": 2, "too": 2, "for": 4, "fore": 4, "ate": 8, "won": 1}
PRONOUN_AFTER = frozenset(_BEFORE_A_PRONOUN.split())
"""``one`` after these is a pronoun, and before those of ``PRONOUN_BEFORE``."""
PRONOUN_BEFORE = frozenset(("another", "thing", "day", "by"))
TIME_UNITS = frozenset(("second", "seconds", "minute", "minutes", "hour", "hours"))
"""``one more`` of these is a number all the same."""
DETERMINERS = frozenset(_DETERMINERS.split())
"""``one`` is a pronoun after one of these and one other word, unless that names a number."""
NAMES_A_NUMBER = frozenset(("number", "count", "rep", "repetition", "was", "is", "makes", "from", "to"))
REPETITION = ("one", "rep", "repetition", "time")
"""What an ordinal may number."""
