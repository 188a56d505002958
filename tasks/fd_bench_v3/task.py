"""FD-bench v3 (Full-Duplex-Bench v3): spoken requests with disfluencies that take functions."""

from msgspec import structs

from tml_bench import respondents
from tml_bench.samples import Sample, Utterance
from tml_bench.task import OfficialSize
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks.fd_bench_v3 import judging, loader, scoring
from tml_bench.tasks.fd_bench_v3.annotation import DOMAINS, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.measures import BOARD, HEADLINE, METRICS, NOT_RUN, OVERALL
from tml_bench.timeline import TimedCall, Timeline

OFFICIAL_SIZES = tuple(map(OfficialSize, DOMAINS, (20, 25, 26, 29)))
CALLED_S = 1.0
"""When who calls everything does."""


class FdBenchV3(FolderTask):
    """Full-Duplex-Bench v3: calls and times by code, arguments and replies by a judge, in two families."""

    name = "fd-bench-v3"
    title = "FD-bench v3: tools while talking"
    subsets = DOMAINS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    not_run = NOT_RUN
    mini = loader.MINI
    official_sizes = OFFICIAL_SIZES
    rubrics = judging.RUBRICS
    rules = judging.RULES
    data_help = """\
The official data (CC BY-NC 4.0) are behind the Google Drive link in v3/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub. Unpack them, with the scenario file of the repository, to

    DATA/benchmark_data_v2.json
    DATA/{scenario}_{speaker}/input.wav metadata.json

and give DATA; a folder fdb_v3_data_released in between does. Replies, and arguments that are put in other
words, need a language model as judge, --judge openai:model=..., and the user's words tml-bench[speech].
"""
    load = staticmethod(loader.samples)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_whole)
    questions = staticmethod(scoring.questions)
    annotated = staticmethod(scoring.annotated)

    def recognises_user(self, sample: Sample) -> bool:
        """Whether the data does not tell when the user says what."""
        item = sample.reference.annotation
        return isinstance(item, ScenarioAnnotation) and not item.user_words

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """The usual ones; ``calls-everything``, without arguments; ``repeats`` the request at once."""
        found = respondents.blind(sample)
        if "silent" not in found:
            return found
        silent, item = found["silent"], annotation_of(sample, ScenarioAnnotation)
        calls = tuple(
            TimedCall(tool.name, CALLED_S, returned_s=CALLED_S, call_id=f"call-{k}")
            for k, tool in enumerate(sample.script.tools)
        )
        said = [Utterance(0.0, text=item.request)]
        return found | {
            "calls-everything": structs.replace(silent, calls=calls),
            "repeats": respondents.spoken(said, silent.turns, silent.duration_s, cut=True),
        }
