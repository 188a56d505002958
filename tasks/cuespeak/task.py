"""CueSpeak: reacting while the user talks on."""

from pathlib import Path

from tml_bench.task import Axis
from tml_bench.tasks._timed.items import CUESPEAK
from tml_bench.tasks._timed.task import TimedTask


class CueSpeak(TimedTask):
    """The development split, which is run by default and looked at."""

    name = "cuespeak"
    title = "CueSpeak: reacting while the user talks on"
    subsets = CUESPEAK
    axis = Axis.CUES
    mini = Path(__file__).parent


class CueSpeakTest(CueSpeak):
    """The test split, on which results are reported."""

    name = "cuespeak-test"
    title = "CueSpeak, test split"
    split = "test"
    split_of = "cuespeak"
