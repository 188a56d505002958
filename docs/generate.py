"""Write the generated parts of the documentation: ``.venv/bin/python docs/generate.py``.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
``tests/test_docs.py`` fails when one is stale.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from tml_bench.adapters._refusals import RefusalRule
    from tml_bench.samples import Sample, Script, Waveform
    from tml_bench.session.network import LinkDirection, Network
    from tml_bench.task import Task

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """All pages of the documentation."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "services").glob("*.md")),
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "tasks" / name / "README.md" for name in ("timespeak", "cuespeak")),
    ]


def refreshed(text: str, leave: Collection[str] = ()) -> str:
    """A page with its generated parts written anew, but those that are to be left as they are.

    Raises:
        KeyError: a part has an unknown name.
    """

    def written(part: re.Match[str]) -> str:
        return part[0] if part["name"] in leave else f"{part[1]}\n{PARTS[part['name']]()}\n{part[3]}"

    return PART.sub(written, text)


def table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def tasks() -> str:
    """Every installed task with its data, subsets and number of metrics."""
    return table(("task", "what it is", "subsets", "metrics", "data that ships"), _task_rows())


def _task_rows() -> Iterator[Sequence[str]]:
    from tml_bench.plugins import load_task, task_names

    for name in task_names():
        task = load_task(name)
        used = {sample.subset for sample in task.samples()}
        subsets = ", ".join(f"`{subset}`" for subset in task.subsets if subset in used)
        yield f"`{name}`", task.title, subsets, str(len(task.metrics)), task.dataset(None)


def metrics() -> str:
    """Every metric of every installed task."""
    return table(("task", "metric", "unit", "better", "family", "what it is"), _metric_rows())


def _metric_rows() -> Iterator[Sequence[str]]:
    from tml_bench.plugins import load_task, suite_names

    better = {"higher": "higher", "lower": "lower", "none": "–"}
    for name in suite_names():
        task = load_task(name)
        for m in task.metrics:
            bold = f"**`{m.name}`**" if m.name in task.headline else f"`{m.name}`"
            yield f"`{name}`", bold, m.unit or "–", better[m.direction], m.family, m.describes


def adapters() -> str:
    """Every installed adapter with its options."""
    from tml_bench.cli_data import adapter_lines

    lines = (line.partition("  ")[::2] for line in adapter_lines() if not line.startswith("your own"))
    return table(("adapter and its options", "what it does"), ((f"`{a}`", _joined(b)) for a, b in lines))


def events() -> str:
    """Every kind of event in session.jsonl."""
    from tml_bench import events as ev

    kinds = ev.AnyEvent.__args__
    found = "\n".join(_struct(kind, f"`{kind.__struct_config__.tag}`") for kind in kinds)
    inner = "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in (ev.TimedWord, ev.ImportedWord))
    return f"{found}\nParts of events:\n\n{inner}"


def manifest() -> str:
    """The fields of manifest.json."""
    from tml_bench.recording import FileEntry, Manifest

    return "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in (Manifest, FileEntry))


def run_config() -> str:
    """The fields of run.json."""
    from tml_bench.runs.config import Environment, Identity, RunConfig

    titles = ((RunConfig, "`config`"), (Environment, "`environment`"), (Identity, "`identity`"))
    return "\n".join(_struct(kind, title) for kind, title in titles)


def attempts() -> str:
    """The fields of a line of attempts.jsonl."""
    from tml_bench.runs.store import Attempt

    return _struct(Attempt, "a line of `attempts.jsonl`")


def scores() -> str:
    """The fields of a line of scores.jsonl."""
    from tml_bench.task import Score, Value

    titles = ((Score, "a line of `scores.jsonl`"), (Value, "`Value`"))
    return "\n".join(_struct(kind, title) for kind, title in titles)


def verdicts() -> str:
    """The fields of a line of verdicts.jsonl."""
    from tml_bench.questions import Question, QuestionLine, Rubric, Verdict
    from tml_bench.scoring.judging import QuestionVerdict

    titles = {QuestionVerdict: "a line of `verdicts.jsonl`"} | {
        k: f"`{k.__name__}`" for k in (Question, QuestionLine, Rubric, Verdict)
    }
    return "\n".join(_struct(kind, title) for kind, title in titles.items())


def contract() -> str:
    """The attributes of adapters, and everything that crosses the contract."""
    from tml_bench import adapter, turns

    kinds = (adapter.StepAdapter, adapter.LiveAdapter, *_dataclasses(turns))
    return "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in kinds)


def live_contract() -> str:
    """The methods of an adapter on the wall clock."""
    from tml_bench.adapter import LiveAdapter

    methods = ((name, method) for name, method in vars(LiveAdapter).items() if inspect.isfunction(method))
    return table(("method", "what it must do"), (_method(*named) for named in methods))


def task_example() -> str:
    """The example task, as a block that the tests import under a name of its own."""
    return f"```python\n# doorbell.py\n{(ROOT / 'examples' / 'task.py').read_text(encoding='utf-8')}```\n"


def conversation_example() -> str:
    """The example task whose user answers, likewise."""
    example = (ROOT / "examples" / "conversation.py").read_text(encoding="utf-8")
    return f"```python\n# bicycle_shop.py\n{example}```\n"


def user_fields() -> str:
    """The fields of a scenario and of what it is made of."""
    from tml_bench import scenario as sc

    kinds = (sc.Scenario, sc.Stage, sc.Fact, sc.Manners)
    return "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in kinds)


def task_contract() -> str:
    """The attributes and methods of a task, and how a metric is declared."""
    from tml_bench.task import Metric, Task

    methods = ((name, method) for name, method in vars(Task).items() if inspect.isfunction(method))
    described = table(("method", "what it gives"), (_method(*named) for named in methods))
    return "\n".join((_struct(Task, "`Task`"), described, _struct(Metric, "`Metric`")))


def _method(name: str, method: Callable[..., object]) -> Sequence[str]:
    names = list(inspect.signature(method).parameters)[1:]
    doc = inspect.getdoc(method) or ""
    prose = _joined(doc.partition("\n\nArgs:")[0].partition("\n\nRaises:")[0])
    raised = [_joined(line).rstrip(".") for line in doc.partition("Raises:\n")[2].splitlines()]
    return f"`{name}({', '.join(names)})`", f"{prose} Raises {'; '.join(raised)}." if raised else prose


def limits() -> str:
    """What a live session may take."""
    from tml_bench.session.live import LatenessLimits

    _, meanings = _docstring(LatenessLimits)
    values = dataclasses.asdict(LatenessLimits())
    rows = ((f"`{name}`", _bound(value), meanings[name]) for name, value in values.items())
    return table(("limit", "value", "meaning"), rows)


def _bound(value: float) -> str:
    return f"{value / 2**20:g} MiB" if value >= 2**20 else f"{value:g}"


def networks() -> str:
    """The network profiles that have a name."""
    from tml_bench.session.network import PROFILES

    heads = ("profile", "", "delay, ms", "jitter, ms", "loss", "kbit/s", "outages")
    rows = (
        (f"`{name}`" if way == "up" else "", way, *_way(getattr(network, way)), _outages(network))
        for name, network in PROFILES.items()
        for way in ("up", "down")
    )
    return table(heads, rows)


def judge_errors() -> str:
    """How often the offline judge of TimeSpeak and CueSpeak errs."""
    import timed_card as card

    return card.judge_errors()


def timed_card(part: str, *names: str) -> Callable[[], str]:
    """A computed part of the card of TimeSpeak or CueSpeak."""

    def write() -> str:
        import timed_card as card

        from tml_bench.plugins import load_task

        return cast(str, getattr(card, part.replace("-", "_"))([load_task(name) for name in names]))

    return write


def _way(way: LinkDirection) -> Sequence[str]:
    return f"{way.delay_ms:g}", f"{way.jitter_ms:g}", f"{way.loss:g}", f"{way.kbps:g}" if way.kbps else "any"


def _outages(network: Network) -> str:
    return ", ".join(f"{o.duration_s:g} s at {o.start_s:g} s" for o in network.outages) or "–"


def minutes() -> str:
    """How long the sessions of the mini sets last."""
    from tml_bench.plugins import load_task, suite_names

    tasks = (load_task(name) for name in suite_names())
    return table(
        ("mini set", "sessions", "minutes of audio each way", "of them with video"), map(_length, tasks)
    )


def _length(task: Task) -> Sequence[str]:
    samples = list(task.samples())
    lengths = [(_session_s(sample), _videos_s(sample.script)) for sample in samples]
    total, shown = (f"{sum(column) / 60:.1f}" for column in zip(*lengths, strict=True))
    return f"`{task.name}`", str(len(samples)), total, shown


FOREVER_NS = 10**18


def _session_s(sample: Sample) -> float:
    """How long a session lasts with a model that never speaks; with a user who answers at most."""
    return _script_s(sample.script) if sample.scenario is None else sample.scenario.budget_s


def _script_s(script: Script) -> float:
    """How long a script lasts with a model that never speaks, so that its cues time out."""
    from tml_bench.session.camera import place_videos
    from tml_bench.session.user import ScriptedUser

    durations = tuple(_clip_ns(turn.audio) for turn in script.turns)
    user = ScriptedUser(script, durations, (), 16_000, place_videos(script.videos))
    for _ in user.schedule(FOREVER_NS):
        pass
    end = user.end(FOREVER_NS)
    assert end is not None
    return end.t_ns / 1e9


def _clip_ns(audio: Path | Waveform) -> int:
    from tml_bench.media.audio import probe

    length_s = probe(audio).duration_s if isinstance(audio, Path) else len(audio.samples) / audio.rate
    return round(length_s * 1e9)


def _videos_s(script: Script) -> float:
    from tml_bench.media.video import probe_video

    return sum(probe_video(video.path).duration_s for video in script.videos)


def samples() -> str:
    """Everything a sample is made of."""
    from tml_bench import samples

    return "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in _dataclasses(samples))


def _dataclasses(module: ModuleType) -> list[type]:
    """The dataclasses a module defines, in its order."""
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type))
    return [kind for kind in kinds if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__]


def _struct(kind: type, title: str) -> str:
    summary, meanings = _docstring(kind)
    types = {name: kind for name, kind in kind.__annotations__.items() if not name.startswith("_")}
    rows = ((f"`{name}`", f"`{types[name]}`", meanings.get(name, "")) for name in types)
    body = table(("field", "type", "meaning"), rows) if types else ""
    return f"**{title}**: {summary}\n\n{body}"


def _docstring(kind: type) -> tuple[str, dict[str, str]]:
    """The first sentence of a docstring, and what it says of each attribute."""
    text = textwrap.dedent(" " * 4 + (kind.__doc__ or ""))
    head, _, attributes = text.partition("Attributes:\n")
    entries = re.findall(
        r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", textwrap.indent(textwrap.dedent(attributes), " " * 4), re.M
    )
    return _joined(head), {name: _joined(meaning) for name, meaning in entries}


def _joined(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def cli() -> str:
    """Every command with its arguments and options."""
    from tml_bench.cli import main

    return "\n".join(_commands("", main))


def _commands(prefix: str, group: click.Group) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from _commands(f"{prefix}{name} ", command)
        else:
            yield _command(f"{prefix}{name}", command)


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"tml-bench {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    blocks = inspect.cleandoc(command.help or "").split("\n\n")
    prose = [" ".join(block.split()) for block in blocks if not block.startswith("\b")]
    examples = [block.removeprefix("\b\n") for block in blocks if block.startswith("\b")]
    parts = [f"## tml-bench {name}", *prose, f"    tml-bench {name} {usage}", "Examples:"]
    parts += [f"```sh\n{block}\n```" for block in examples]
    options = [option for option in command.params if isinstance(option, click.Option)]
    body = table(("option", "value", "what it does"), map(_option, options)) if options else "No options.\n"
    return "\n\n".join(parts) + f"\n\n{body}"


def config_keys() -> str:
    """Every key of a configuration, which is a flag of `run`."""
    from tml_bench.cli_config import config_keys, parameters
    from tml_bench.cli_run import run

    options = parameters(run)
    rows = (
        (f"`{name}`", key.takes, _option(options[name])[2], "" if key.everywhere else "no")
        for name, key in config_keys(run).items()
    )
    return table(("key", "takes", "what it does", "in a group"), rows)


def suites() -> str:
    """The suites that ship."""
    from tml_bench.configuration.presets import PRESETS

    return table(("suite", "what it is"), ((f"`{name}`", what) for name, what in PRESETS.items()))


def _option(option: click.Option) -> Sequence[str]:
    kind = option.type
    if option.is_flag:
        value = "–"
    elif isinstance(kind, click.Choice):
        value = ", ".join(f"`{choice}`" for choice in kind.choices)
    else:
        value = kind.name.removesuffix(" range")
    help_text = option.help or ""
    default = f"[default: {option.default}]" if option.show_default else ""
    return ", ".join(f"`{name}`" for name in option.opts), value, f"{help_text} {default}".strip()


def schema() -> str:
    """The JSON Schema of a line of session.jsonl."""
    from session_schema import session_schema

    return session_schema()


def wire_messages() -> str:
    """The control messages of the wire protocol, both ways."""
    from tml_bench.wire import messages

    def part(head: str, kinds: Sequence[type[messages.WireMessage]]) -> str:
        return f"### {head}\n\n" + "\n".join(_struct(k, f"`{k.__struct_config__.tag}`") for k in kinds)

    ways = (("From the harness", messages.FromHarness), ("From the model", messages.FromModel))
    inner = (messages.ToolOffer, messages.AudioFormat, messages.VideoFormat, messages.WireWord)
    parts = "\n".join(_struct(kind, f"`{kind.__name__}`") for kind in inner)
    return "\n".join(part(head, kinds.__args__) for head, kinds in ways) + f"\n### Parts\n\n{parts}"


def wire_schema() -> str:
    """The JSON Schema of a control message of the wire protocol."""
    import msgspec

    from tml_bench.wire.schema import schema

    return msgspec.json.format(msgspec.json.encode(schema(), order="sorted")).decode() + "\n"


def refusals() -> str:
    """The codes of each service's table of refusals, by what they mean."""
    return table(("says", "the account", "the sample", "for now"), _refusal_rows())


def _refusal_rows() -> Iterator[Sequence[str]]:
    from tml_bench.adapter import AccountError, QuotaError, SampleRefusedError
    from tml_bench.adapters._refusal_tables import COMMON, STATUSES, TABLES

    seen: list[RefusalRule] = []
    groups = [(table.service, table.rules) for table in TABLES]
    for service, all_rules in [("any of them", COMMON), *groups, ("HTTP status", STATUSES)]:
        rules = [rule for rule in all_rules if rule not in seen]
        seen += rules
        if rules:
            yield service, *(_codes(rules, kind) for kind in (AccountError, SampleRefusedError, QuotaError))


def _codes(rules: Sequence[RefusalRule], kind: type) -> str:
    codes = dict.fromkeys(code for rule in rules if rule.error is kind for code in rule.codes)
    words = " and its words" if any(rule.error is kind and rule.says for rule in rules) else ""
    return (", ".join(f"`{code}`" for code in codes) + words).removeprefix(" and ")


PARTS: dict[str, Callable[[], str]] = {
    "adapters": adapters,
    "attempts": attempts,
    "cli": cli,
    "config-keys": config_keys,
    "conversation-example": conversation_example,
    "suites": suites,
    "contract": contract,
    "events": events,
    "limits": limits,
    "live-contract": live_contract,
    "manifest": manifest,
    "metrics": metrics,
    "minutes": minutes,
    "networks": networks,
    "refusals": refusals,
    "run-config": run_config,
    "samples": samples,
    "scores": scores,
    "verdicts": verdicts,
    "tasks": tasks,
    "task-contract": task_contract,
    "task-example": task_example,
    "timed-judge": judge_errors,
    "user-fields": user_fields,
    "wire-messages": wire_messages,
    **{
        f"{name}-{part}": timed_card(part, name, f"{name}-test")
        for name in ("timespeak", "cuespeak")
        for part in ("families", "floors", "half-duplex", "voices", "detectable")
    },
}
"""What can be generated into a page, by name."""

SEARCHED = ("timespeak-floors", "cuespeak-floors")
"""Parts that take a long search; that what they print is true is tested with the tasks."""

FILES: dict[str, Callable[[], str]] = {
    "docs/session.schema.json": schema,
    "docs/wire-protocol.schema.json": wire_schema,
}
"""Files that are generated whole."""


def main() -> None:
    """Rewrite what is stale."""
    for page in pages():
        page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name, content in FILES.items():
        (ROOT / name).write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    main()
