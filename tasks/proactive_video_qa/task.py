"""ProactiveVideoQA: say what was asked for when it is seen."""

from __future__ import annotations

from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.proactive_video_qa import loader, scoring, strategies
from tml_bench.tasks.proactive_video_qa.measures import HEADLINE, METRICS, OVERALL
from tml_bench.tasks.proactive_video_qa.rubric import COVERAGE, RULES


class ProactiveVideoQA(FolderTask):
    """ProactiveVideoQA, spoken and watched in real time."""

    name = "proactive-video-qa"
    title = "ProactiveVideoQA: saying it when it is seen"
    subsets = loader.CATEGORIES
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    mini = loader.MINI
    data_help = """\
Links to the data are in the README of yellow-binary-tree/ProactiveVideoQA on GitHub; the videos also need the
terms of Ego4D (EGO), TVQA (TV), UCF-Crime (VAD) and Shot2Story (WEB). Research use.

    DATA/{WEB,EGO,TV,VAD}/anno.json
    DATA/{WEB,EGO,TV,VAD}/videos/*

Any category may be missing; one category's folder alone will do.
"""
    rubrics = (COVERAGE,)
    rules = RULES
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)
