"""FD-bench v1.5 (Full-Duplex-Bench v1.5): somebody speaks while the model answers."""

from __future__ import annotations

from pathlib import Path

from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.fd_bench_v15 import behaviour, loader, scoring, strategies
from tml_bench.tasks.fd_bench_v15.measures import HEADLINE, METRICS, NOT_RUN, OVERALL

MINI = Path(__file__).parent / "mini"


class FdBenchV15(FolderTask):
    """Full-Duplex-Bench v1.5: behaviour by a judge, timing in two families, the voice before and after."""

    name = "fd-bench-v1.5"
    title = "FD-bench v1.5: overlaps"
    subsets = loader.SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    not_run = NOT_RUN
    mini = MINI
    rubrics = (behaviour.RUBRIC,)
    rules = behaviour.RULES
    hears_user = True
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub (v1.5). Unpack them to

    DATA/user_interruption/{ID}/input.wav clean_input.wav metadata.json
    DATA/user_backchannel/{ID}/ ...
    DATA/talking_to_other/{ID}/ ...
    DATA/background_speech/{ID}/ ...

and give DATA; a folder v1_5 or v1.5 in between, one subset's folder alone, and FLAC all do. context.wav,
input.json and clean_input.json are used where they are there.
"""
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    stretches = staticmethod(scoring.stretches)
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    annotated = staticmethod(scoring.annotated)
    imports = staticmethod(loader.load_imports)
