"""TimeSpeak: saying it at the right time."""

from pathlib import Path

from tml_bench.task import Axis
from tml_bench.tasks._timed.items import TIMESPEAK
from tml_bench.tasks._timed.task import TimedTask


class TimeSpeak(TimedTask):
    """The development split, which is run by default and looked at."""

    name = "timespeak"
    title = "TimeSpeak: saying it at the right time"
    subsets = TIMESPEAK
    axis = Axis.TIME
    mini = Path(__file__).parent


class TimeSpeakTest(TimeSpeak):
    """The test split, on which results are reported."""

    name = "timespeak-test"
    title = "TimeSpeak, test split"
    split = "test"
    split_of = "timespeak"
