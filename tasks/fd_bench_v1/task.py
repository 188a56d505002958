"""FD-bench v1 (Full-Duplex-Bench v1.0): pauses, backchannels, turn ends and interruptions."""

from __future__ import annotations

from pathlib import Path

from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.fd_bench_v1 import loader, scoring, strategies
from tml_bench.tasks.fd_bench_v1.measures import HEADLINE, METRICS, SUBSETS
from tml_bench.tasks.fd_bench_v1.rubric import RATING


class FdBenchV1(FolderTask):
    """Full-Duplex-Bench v1.0, with the reference's rules and repaired ones side by side."""

    name = "fd-bench-v1"
    title = "FD-bench v1: turn taking"
    subsets = SUBSETS
    metrics = METRICS
    headline = HEADLINE
    mini = Path(__file__).parent / "mini"
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub. The parts from CANDOR and ICC are CC BY-NC 4.0, the synthetic
parts MIT. Unpack them to

    DATA/candor_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/synthetic_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/icc_backchannel/{ID}/input.wav transcription.json
    DATA/candor_turn_taking/{ID}/input.wav turn_taking.json transcription.json
    DATA/synthetic_user_interruption/{ID}/input.wav context.wav interrupt.wav interrupt.json
    DATA/icc_gt_distribution.json      (from evaluation/ of the same repository)

and give DATA; a folder v1_0 or v1.0 in between, one subset's folder alone, and FLAC all do.
"""
    rubrics = (RATING,)
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    annotated = staticmethod(scoring.annotated)
    imports = staticmethod(loader.load_imports)
