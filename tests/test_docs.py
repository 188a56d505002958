"""The documentation is true: generated parts are fresh, links lead somewhere, code runs, commands exist."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import msgspec
import numpy as np
import pytest
import soundfile
from answering import voiced
from click.testing import CliRunner
from fakes import MS, Scripted, run_session, silence, tone
from websockets.asyncio.server import ServerConnection, serve

from tml_bench.adapter import LiveAdapter, MicroTurn, Output, ProviderEvent, SessionStart, StepAdapter
from tml_bench.adapters.reference import Oracle
from tml_bench.adapters.reference.conversing import Forgetful, Stonewall
from tml_bench.cli import main
from tml_bench.conformance import CaseVerdict
from tml_bench.conformance.check_task import checked_task
from tml_bench.conformance.scenario_flaws import scenario_flaws
from tml_bench.judges.rules import RuleJudge
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import adapter_class, adapter_names, load_task
from tml_bench.samples import At, Reference, Sample, Script, UserTurn, Waveform
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.summary import Summary
from tml_bench.session.network import load_network
from tml_bench.session.settings import Compute, Settings
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline, Word, WordSource

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generate = load(ROOT / "docs" / "generate.py", "docs_generate")
PAGES = [
    *generate.pages(),
    *sorted(ROOT.glob("tasks/*/README.md")),
    *sorted(ROOT.glob("results/*/README.md")),
]


def named(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.parametrize("page", named(generate.pages()))
def test_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.refreshed(text, generate.SEARCHED) == text, "run docs/generate.py"


@pytest.mark.parametrize("name", generate.FILES)
def test_generated_files_are_fresh(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generate.FILES[name](), "run docs/generate.py"


def test_every_generated_part_is_used() -> None:
    used = {part["name"] for page in generate.pages() for part in generate.PART.finditer(page.read_text())}
    assert used == set(generate.PARTS)


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(prose):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":  # other pages have addresses of their own behind it
            assert anchor in anchors(file), target


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    pages = {str(page.relative_to(index.parent)) for page in index.parent.rglob("*.md")}
    assert pages - {index.name} <= set(LINK.findall(index.read_text(encoding="utf-8")))


def test_the_index_of_services_names_every_page_and_every_live_adapter() -> None:
    text = (ROOT / "docs" / "live-services.md").read_text(encoding="utf-8")
    pages = {f"services/{page.name}" for page in (ROOT / "docs" / "services").glob("*.md")}
    assert pages <= set(LINK.findall(text))
    live = {name for name in adapter_names() if issubclass(adapter_class(name), LiveAdapter)}
    assert {name for name in live if f"`{name}`" not in text} == set()


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands() -> Iterator[object]:
    for page in PAGES:
        for line in "\n".join(blocks(page, "sh")).splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words and Path(words[0]).name == "tml-bench":
                    yield pytest.param(words[1:], id=f"{page.relative_to(ROOT)}: {' '.join(words[1:])}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_exist(words: list[str]) -> None:
    name, *arguments = words
    command = main.commands[name]
    if isinstance(command, click.Group):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context(name, arguments, parent=click.Context(main))


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Every named Python block of the documentation, imported under its name."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = {}
    for page in generate.pages():
        for body in blocks(page, "python"):
            found = re.match(r"# (\w+)\.py\n", body)
            name = found[1] if found else f"block_{len(modules)}"
            path = tmp_path / f"{name}.py"
            path.write_text(body, encoding="utf-8")
            monkeypatch.delitem(sys.modules, name, raising=False)
            modules[name] = load(path, name)
    return modules


def test_every_python_block_is_known(examples: dict[str, ModuleType]) -> None:
    functions = [name for name, module in examples.items() if hasattr(module, "steps_and_speech")]
    assert len(functions) == 1
    known = {
        "my_model", "agent", "test_agent", "doorbell", "polite", "relay", "latency", "shop", "bicycle_shop",
        "response_latency", "weights",
    }  # fmt: skip
    assert set(examples) - set(functions) == known


def scores(folder: Path, task: Task, adapter: StepAdapter, **wanted: object) -> list[Score]:
    found = []
    for sample in task.samples(**wanted):  # type: ignore[arg-type]
        ran = run_session(folder / sample.id, sample, adapter, Settings())
        timeline = timeline_of(ran.recording.facts, folder / f"{sample.id}.json", "transcript")
        found.append(task.score(sample, timeline))
    return found


def value(found: list[Score], metric: str) -> float | None:
    values = [score.values[metric].numerator for score in found if metric in score.values]
    return sum(values) / len(values) if values else None


def test_the_readme_model_answers_half_the_turns_and_most_pauses(
    examples: dict[str, ModuleType], tmp_path: Path
) -> None:
    task, parrot = load_task("fd-bench-v1"), examples["my_model"].Parrot()
    turns = scores(tmp_path / "turns", task, parrot, subsets=["candor_turn_taking"])
    assert value(turns, "response") == 0.5
    assert 0.2 <= (value(turns, "latency") or 0) <= 0.4
    pauses = scores(tmp_path / "pauses", task, parrot, subsets=["candor_pause_handling"])
    assert value(pauses, "pause_takeover") == pytest.approx(5 / 6)


class Tensor(np.ndarray):  # type: ignore[type-arg]
    """As much of torch's tensors as the page uses."""

    def to(self, device: str) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray(self)

    float = cpu


def fake_torch(gpu: bool) -> ModuleType:
    """As much of torch as the page uses; its model says the sum of the means of what it has heard."""

    def load(path: str, map_location: str) -> SimpleNamespace:
        def forward(heard: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            state = state + heard.mean()
            return heard * 0 + state, state

        return SimpleNamespace(eval=lambda: forward)

    torch = ModuleType("torch")
    vars(torch).update(
        cuda=SimpleNamespace(is_available=lambda: gpu), jit=SimpleNamespace(load=load),
        manual_seed=lambda seed: None, inference_mode=nullcontext,
        device=lambda name: SimpleNamespace(type=name),
        zeros=lambda size, device: np.zeros(size, np.float32).view(Tensor),
        from_numpy=lambda array: array.view(Tensor),
    )  # fmt: skip
    return torch


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_the_weights_of_the_page_are_loaded_once_and_forget_between_sessions(
    examples: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, device: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(gpu))
    model = examples["weights"].Weights("model.pt")
    model.warm_up()
    assert model.reported == {"device": device}
    clip = Waveform(np.full(24_000, 0.1, np.float32), 24_000)
    sample = Sample("s", "x", Script((UserTurn(clip),), tail_s=0.0), Reference())
    for name in ("first", "second"):
        run_session(tmp_path / name, sample, model, Settings())
    first, second = (soundfile.read(tmp_path / name / "model.flac")[0] for name in ("first", "second"))
    assert np.array_equal(first, second)
    assert first.max() == pytest.approx(0.4, abs=0.01), "the state goes from step to step"


def test_the_agent_passes_its_own_test(examples: dict[str, ModuleType]) -> None:
    module = examples["test_agent"]
    tests = [name for name in vars(module) if name.startswith("test_")]
    assert len(tests) == 1
    getattr(module, tests[0])()


def test_the_agent_answers_an_interruption_with_a_flush(
    examples: dict[str, ModuleType], tmp_path: Path
) -> None:
    sample = next(load_task("fd-bench-v1").samples(subsets=["synthetic_user_interruption"]))
    ran = run_session(tmp_path / "r", sample, examples["agent"].Agent(), Settings())
    assert ran.recording.facts.timed
    (block,) = (module for module in examples.values() if hasattr(module, "steps_and_speech"))
    steps, emitted_s = block.steps_and_speech(ran.recording.folder)
    assert steps == int(ran.recording.duration_s / 0.2)
    assert emitted_s > 0


def test_the_shop_serves_the_oracle(examples: dict[str, ModuleType], tmp_path: Path) -> None:
    facts = run_session(tmp_path / "r", examples["shop"].SAMPLE, Oracle(), Settings()).recording.facts
    assert [(call.name, call.filled, call.output) for call in facts.calls] == [
        (
            "find",
            {"thing": "lamp", "most": 3},
            {"found": [{"id": "lamp-0"}, {"id": "lamp-1"}, {"id": "lamp-2"}]},
        ),
        ("add", {"id": "lamp-0"}, {"basket": ["lamp-0"]}),
    ]
    assert "The lamp is in your basket." in facts.claimed


def test_the_bicycle_shop_is_called_as_its_page_says(examples: dict[str, ModuleType], tmp_path: Path) -> None:
    task = examples["bicycle_shop"].BicycleShop()
    sample = next(task.samples())
    sample = replace(sample, scenario=voiced(sample.scenario, tmp_path / "voice"))
    assert not list(scenario_flaws(sample))
    ended, repeats = {}, {}
    for adapter in (Oracle(), Forgetful(), Stonewall()):
        ran = run_session(tmp_path / type(adapter).__name__, sample, adapter, Settings())
        facts = ran.recording.facts
        ended[type(adapter)] = facts.ended
        repeats[type(adapter)] = [line.stage for line in facts.lines if line.act == "again"]
    assert ended == {Oracle: "closed", Forgetful: "hung-up", Stonewall: "hung-up"}
    assert repeats == {Oracle: [], Forgetful: ["T2", "T2"], Stonewall: ["T1"]}


def test_the_doorbell_of_the_page_is_the_file() -> None:
    page = ROOT / "docs" / "writing-a-task.md"
    (block,) = (body for body in blocks(page, "python") if body.startswith("# doorbell.py\n"))
    example = (ROOT / "examples" / "task.py").read_text(encoding="utf-8")
    assert block.removeprefix("# doorbell.py\n") == example


def test_the_doorbell_passes_its_check(examples: dict[str, ModuleType]) -> None:
    found = list(checked_task(examples["doorbell"].Doorbell()))
    assert {finding.verdict for finding in found} == {CaseVerdict.PASS}


def test_the_doorbell_floor_is_as_the_page_says(examples: dict[str, ModuleType]) -> None:
    task = examples["doorbell"].Doorbell()
    floors = {b.metric: (b.floor, b.floor_by) for b in baselines(task, task.samples())}
    assert floors["right"] == (pytest.approx(0.33, abs=0.005), "silent")


@pytest.mark.usefixtures("here", "without_pictures")
def test_the_doorbell_is_run_with_the_reference_adapters(tmp_path: Path) -> None:
    adapters = ("oracle", "delayed:400", "early:500", "silent", "always-on")
    command = ["run", "--task", f"{ROOT / 'examples' / 'task.py'}:Doorbell", "--jobs", "1"]
    command += ["--out", str(tmp_path), *(word for adapter in adapters for word in ("--adapter", adapter))]
    ran = CliRunner().invoke(main, command)
    assert ran.exit_code == 0, ran.output
    found = {}
    for path in tmp_path.glob("*/summary.json"):
        (summary,) = msgspec.json.decode(path.read_bytes(), type=list[Summary])
        assert summary.facts.dataset == "mini"
        found[summary.facts.adapter] = {m.metric.name: m.estimate.mean for m in summary.metrics}
    assert {adapter: values["right"] for adapter, values in found.items()} == pytest.approx(
        {"oracle": 1.0, "delayed:400": 1.0, "early:500": 1 / 3, "silent": 1 / 3, "always-on": 0.0}
    )
    assert found["oracle"]["delay"] == pytest.approx(0.3, abs=0.02)
    assert found["delayed:400"]["delay"] == pytest.approx(0.4, abs=0.02)
    assert found["silent"]["delay"] is None


def test_the_polite_rubric_is_missing_where_the_rule_cannot_tell(examples: dict[str, ModuleType]) -> None:
    polite = examples["polite"]
    judge = RuleJudge(polite.RULES)
    found = {}
    for said in ("Yes please", "No", ""):
        words = tuple(Word(word, 0.0, 1.0) for word in said.split())
        timeline = Timeline(2.0, words=words, word_source=WordSource.ADAPTER)
        asked = polite.questions(timeline)
        verdicts = dict(zip((q.key for q in asked), judge.answer(asked), strict=True))
        found[said] = polite.politeness(timeline, verdicts)
    assert found["Yes please"][0]["politeness"].numerator == 1.0
    assert found["No"] == ({}, {"politeness": "a rule cannot tell without a please"})
    assert found[""] == ({}, {})


def test_the_queue_example_of_the_time_page() -> None:
    from tml_bench.session.simulated import ComputeQueue

    page = (ROOT / "docs" / "time-model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.M)
    queue, before = ComputeQueue(), 0
    assert len(rows) == 4
    for _, handed, cost, starts, exists, behind in (map(int, row) for row in rows):
        assert max(handed, before) == starts
        before = queue.charge(handed, cost)
        assert (exists, behind) == (before, before - handed)


def test_the_latency_example_of_the_time_page(examples: dict[str, ModuleType], tmp_path: Path) -> None:
    sample = Sample(
        "s", "x", Script((UserTurn(silence(1.9)), UserTurn(silence(0.15), At(2.0))), tail_s=2.0), Reference()
    )
    answer = np.concatenate([np.zeros(480, np.float32), tone(0.3)])
    adapter = Scripted({9: Output(audio=tone(1.0)), 12: Output(audio=answer)})
    costs = [0] * 9 + [100 * MS, 0, 230 * MS, 50 * MS] + [0] * 20
    ran = run_session(tmp_path / "r", sample, adapter, Settings(compute=Compute.RECORDED), costs)
    assert examples["latency"].split_ms(ran.recording) == {
        "endpointing": 450.0,
        "network up": 0.0,
        "queue": 30.0,
        "compute": 50.0,
        "network down": 0.0,
        "playback": 420.0,
        "leading silence": 30.0,
    }


def test_the_relay_speaks_both_ways(examples: dict[str, ModuleType]) -> None:
    told: list[object] = []

    async def parrot(socket: ServerConnection) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                await socket.send(message)
                await socket.send(json.dumps({"type": "interrupted", "api_key": "s3cret"}))
            else:
                told.append(json.loads(message))

    async def session() -> list[object]:
        async with serve(parrot, "localhost", 0) as server:
            port = server.sockets[0].getsockname()[1]
            relay = examples["relay"].Relay(f"ws://localhost:{port}")
            await relay.connect(SessionStart("t/s", 200 * MS))
            await relay.send(MicroTurn(0, 0, 200 * MS, np.full(4800, 0.5, np.float32)))
            events = relay.events()
            found = [await anext(events) for _ in range(3)]
            await relay.heard("1", 120.0, True)
            await relay.close()
            assert [event async for event in events] == []
            return found

    audio, kept, flush = asyncio.run(session())
    assert isinstance(audio, Output)
    assert audio.audio is not None
    assert audio.audio.tolist() == [16383] * 4800
    assert kept == ProviderEvent("interrupted", {"type": "interrupted", "api_key": "[redacted]"})
    assert flush == Output(flush=True)
    assert told == [{"type": "truncate", "item": "1", "heard_ms": 120.0}]


def test_the_network_profile_of_the_live_page(tmp_path: Path) -> None:
    (example,) = blocks(ROOT / "docs" / "live-services.md", "toml")
    (tmp_path / "train.toml").write_text(example, encoding="utf-8")
    train = load_network(str(tmp_path / "train.toml"))
    assert (train.name, train.up.kbps, train.down.delay_ms, train.outages[0].start_s) == (
        "train-2",
        1000,
        40,
        12,
    )


def test_the_flush_example_of_the_time_page() -> None:
    from tml_bench.session.playback import Playback

    playback = Playback(1000)
    playback.render(1_000_000_000)
    playback.push(1_000_000_000, np.ones(3000, np.float32))
    playback.render(2_200_000_000)
    flushed = playback.flush(2_200_000_000)
    assert (flushed.heard_ms, flushed.dropped_ms) == (1200.0, 1800.0)
