"""Suites and ``tml-bench.toml``: what files say, what goes before what, and what is told of mistakes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tml_bench.cli import main
from tml_bench.cli_config import OWN, config_keys
from tml_bench.cli_run import run as run_command
from tml_bench.configuration.data_places import data_places
from tml_bench.configuration.named_adapters import named_adapter
from tml_bench.errors import UserError
from tml_bench.plugins import parse_adapter_spec, task_names

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

ONE = ("--task", "fd-bench-v1", "--subset", "candor_turn_taking", "--limit", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["run", *map(str, arguments)])


def printed(*arguments: object) -> str:
    result = call(*arguments, "--print-config")
    assert result.exit_code == 0, result.output
    return result.stdout


def values(*arguments: object) -> dict[str, object]:
    return tomllib.loads(printed(*arguments))


def refused(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


def options() -> dict[str, click.Option]:
    """The options of `run` by their longest flag, but for those about the configuration itself."""
    return {
        max(option.opts, key=len)[2:]: option
        for option in run_command.params
        if isinstance(option, click.Option) and option.name not in OWN
    }


def an_example(option: click.Option) -> str:
    if option.is_flag:
        return "true"
    if isinstance(option.type, click.Choice):
        return f'"{option.type.choices[-1]}"'
    if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType):
        return "21"
    return '"silent"' if option.name == "adapters" else '"x"'


@pytest.mark.parametrize("name", [name for name in options() if name != "suite"])
def test_every_flag_of_run_has_its_key(name: str, folder: Path) -> None:
    assert name in config_keys(run_command)
    example = an_example(options()[name])
    for key in {name, name.replace("-", "_")}:
        (folder / "tml-bench.toml").write_text(f"{key} = {example}\n")
        lines = printed().splitlines()
        shown = f"[{example}]" if options()[name].multiple else example
        assert any(line in (f"{name} = {s}  # tml-bench.toml" for s in (shown, "21.0")) for line in lines), (
            lines
        )


def test_a_suite_can_be_named_in_the_configuration(folder: Path) -> None:
    (folder / "tml-bench.toml").write_text('suite = "mini"\n')
    assert values()["task"] == task_names()
    assert values("--suite", "quick").get("task") is None


def test_the_command_line_goes_before_the_suite_and_that_before_the_file(folder: Path) -> None:
    (folder / "tml-bench.toml").write_text("seed = 1\nlimit = 1\ntick = 100\n")
    (folder / "mine.toml").write_text("limit = 2\ntick = 40\n")
    text = printed("--suite", "mine.toml", "--tick", 20)
    found = tomllib.loads(text)
    assert (found["seed"], found["limit"], found["tick"], found["jobs" if "jobs" in found else "rate"]) == (
        1, 2, 20, 0.0,
    )  # fmt: skip
    for line in ("seed = 1  # tml-bench.toml", "limit = 2  # mine.toml", "tick = 20  # command line"):
        assert line in text.splitlines()
    (folder / "other.toml").write_text("seed = 5\n")
    assert values("--config", "other.toml")["seed"] == 5
    assert values("--config", "other.toml")["tick"] == 200


def test_what_is_printed_asks_for_the_same(folder: Path) -> None:
    (folder / "tml-bench.toml").write_text(
        'adapter = ["mine", "silent"]\njudge = "openai:model=\\"quoted\\" é"\n'
        '[adapters.mine]\nuse = "delayed"\nms = 300\naudio_out = 48000\n'
        '[data]\nfd-bench-v1 = "/data/one"\ncharades = "/data/two"\n'
    )
    before = printed("--suite", "mini", "--tick", 100, "--data", "charades=/x", "--fresh")
    (folder / "printed.toml").write_text(before)
    after = printed("--config", "printed.toml")
    assert tomllib.loads(before) == tomllib.loads(after)
    assert tomllib.loads(before)["adapter"] == ["delayed:ms=300,audio_out=48000", "silent"]


def test_groups_are_printed_and_read_again(folder: Path) -> None:
    (folder / "board.toml").write_text(
        'task = "timespeak"\n[[group]]\nadapter = ["silent", "oracle"]\n'
        '[[group]]\nadapter = "cascade"\ncompute = "charged"\n'
    )
    found = values("--suite", "board.toml")
    groups = found["group"]
    assert isinstance(groups, list)
    assert found["task"] == ["timespeak"]
    assert [(g["adapter"], g["compute"]) for g in groups] == [
        (["silent", "oracle"], "ideal"), (["cascade"], "charged"),
    ]  # fmt: skip
    (folder / "printed.toml").write_text(printed("--suite", "board.toml"))
    assert values("--config", "printed.toml") == found
    assert "give the file itself as the suite" in refused("--config", "printed.toml", "--suite", "mini")


def test_quick_is_a_bare_run(folder: Path) -> None:
    found = values("--suite", "quick")
    assert found == values() == values("--seed", 0)
    assert (found["limit"], found["adapter"]) == (2, ["oracle", "delayed:700", "silent"])
    assert "task" not in found
    (folder / "tml-bench.toml").write_text("tick = 100\n")
    assert values() == {**found, "tick": 100}


@pytest.mark.parametrize(
    "named",
    [
        ("--task", "charades"), ("--adapter", "silent"), ("--data", "/data"), ("--subset", "sta"),
        ("--limit", 0), ("--sample", "one"), ("--shard", "1/2"), ("--official", "--dry-run"),
    ],
)  # fmt: skip
def test_a_run_that_says_what_is_run_is_not_cut(folder: Path, named: tuple[object, ...]) -> None:
    found = values(*named)
    assert found.get("limit") == 0
    assert found.get("adapter") in (None, ["silent"])
    kept = [line for line in printed(*named).splitlines() if line.endswith("# command line")]
    (folder / "tml-bench.toml").write_text("\n".join(kept))
    assert values() == found


def test_the_quick_suite_takes_adapters_from_the_file(folder: Path) -> None:
    (folder / "tml-bench.toml").write_text('adapter = "echo"\n')
    assert (values()["adapter"], values()["limit"]) == (["echo"], 0)
    found = values("--suite", "quick")
    assert (found["adapter"], found["limit"]) == (["echo"], 2)


def test_the_quick_suite_says_how_to_run_all(folder: Path) -> None:
    one = ("--task", "fd-bench-v1", "--subset", "candor_turn_taking", "--adapter", "silent", "--dry-run")
    said = call("--suite", "quick", *one)
    assert said.exit_code == 0, said.output
    assert "--suite mini" in said.stderr
    assert "--suite mini" not in call(*one).output


def test_mini_is_every_task_and_the_adapters_stay(folder: Path) -> None:
    (folder / "tml-bench.toml").write_text('adapter = "silent"\nlimit = 3\n[data]\ncharades = "/data"\n')
    found = values("--suite", "mini")
    assert found["task"] == task_names()
    assert found["adapter"] == ["silent"]
    assert found["limit"] == 0
    assert "data" not in found


def test_full_says_at_once_what_data_is_missing(folder: Path) -> None:
    said = refused("--suite", "full", "--data", "charades=/data")
    assert "official data of audio-multichallenge, audio-multichallenge-open, fd-bench-v1," in said
    assert "charades" not in said.splitlines()[0]
    assert "timespeak" not in said.splitlines()[0]
    assert "fd-bench-v1: " in said  # how to get it
    assert not (folder / "results").exists()
    said = refused(
        "--suite", "full", "--task", "charades", "--data", "charades=/nowhere", "--adapter", "silent"
    )
    assert "/nowhere" in said
    assert "left out" not in said


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("limt = 3", "tml-bench.toml: there is no key 'limt'", "did you mean limit"),
        ("zzz = 3", "there is no key 'zzz'", "the keys are"),
        ('limit = "3"', "tml-bench.toml: limit is '3'", "it takes a whole number"),
        ("limit = true", "limit is true", "a whole number"),
        ("limit = -1", "tml-bench.toml: limit: -1 is not in the range", "--help"),
        ('compute = "free"', "compute is 'free'", '"ideal" or "charged"'),
        ("fresh = 1", "fresh is 1", "true or false"),
        ("adapter = [3]", "adapter is 3", "a text"),
        ("judge = {a = 1}", "judge is a table", "a text"),
        ("max-wait = 1\nmax_wait = 2", "max-wait is there twice", "keep one"),
        ("limit = ", "tml-bench.toml is not TOML", "docs/configuring.md"),
        ("group = 3", "group is not a list of tables", "[[group]]"),
        ('[[group]]\nout = "x"', "group 1: out is one for all groups", "above the first group"),
        ("[[group]]\nlimt = 1", "group 1: there is no key 'limt'", "limit"),
        ("[adapters]\nx = 1", "adapters is not made of tables", "[adapters.NAME]"),
        ("[adapters.x]\nuse = 3", "adapters.x.use is not a text", "FILE.py:CLASS"),
        ("[adapters.x]\nms = [1]", "adapters.x.ms is neither", "options are"),
        ('[adapters.x]\nms = "1,2"', "adapters.x.ms holds a comma", "%2C"),
        ('[adapters.x]\napi_key = "tulip-five"', "adapters.x.api_key would be a key", "TML_BENCH_KEYS"),
        ('[adapters.x]\nms = "sk-abcdefghijklmnop"', "adapters.x.ms holds what looks like", "environment"),
        ('judge = "openai:model=x,base_url=https://u:pw@h"', "judge holds what looks like", "environment"),
        ('[data]\nfd-bench-1 = "/d"', "there is no task 'fd-bench-1'", "did you mean fd-bench-v1"),
        ('suite = "mnii"', "there is no suite 'mnii'", "did you mean mini"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_key_and_remedy(
    text: str, problem: str, remedy: str, folder: Path
) -> None:
    (folder / "tml-bench.toml").write_text(text)
    said = refused("--adapter", "silent", *ONE)
    assert problem in said
    assert remedy in said
    assert "sk-abc" not in said
    assert "pw" not in said
    assert not (folder / "results").exists()


def test_a_file_that_is_not_there() -> None:
    assert "nowhere.toml cannot be read: No such file" in refused("--config", "nowhere.toml")
    assert "other.toml cannot be read" in refused("--suite", "other.toml")


def test_secrets_of_the_command_line_are_not_printed() -> None:
    text = printed("--adapter", "wire:ws://h:1?token=abcdefgh")
    assert "abcdefgh" not in text
    assert "blanked" in text


def test_an_adapter_of_a_table() -> None:
    plain = named_adapter("cascade", {"endpoint_ms": 300, "fast": True}, "")
    assert plain.spec() == "cascade:endpoint_ms=300,fast=true"
    assert plain.spec("endpoint_ms=500") == "cascade:endpoint_ms=500,fast=true"
    served = named_adapter("mine", {"use": "wire:ws://localhost:1", "x": 1.5}, "")
    assert parse_adapter_spec(served.spec()).kwargs == {"x": 1.5}
    assert parse_adapter_spec(served.spec()).args == ("ws://localhost:1",)
    own = named_adapter("own", {"use": "a/b.py:Model", "device": "cuda"}, "")
    assert parse_adapter_spec(own.spec("device=cpu")).kwargs == {"device": "cpu"}
    assert named_adapter("silent", {}, "").spec() == "silent"


def test_places_of_data(folder: Path) -> None:
    assert data_places([]) is None
    assert data_places(["/data"]) == Path("/data")
    assert data_places(["charades=/a=b", "my.py:T=/c"]) == {"charades": Path("/a=b"), "my.py:T": Path("/c")}
    (folder / "a=b").mkdir()
    assert data_places(["a=b"]) == Path("a=b")
    for wrong in (["/a", "/b"], ["charades=/a", "/b"], ["charades=/a", "charades=/b"], ["nothing=/a"]):
        with pytest.raises(UserError):
            data_places(wrong)


def test_groups_are_run_into_one_report_after_all_are_checked(folder: Path) -> None:
    (folder / "board.toml").write_text(
        'task = "fd-bench-v1"\nsubset = "candor_turn_taking"\nlimit = 1\njobs = 1\n'
        '[[group]]\nadapter = "silent"\n[[group]]\nadapter = "delayed:200"\ntick = 100\n'
        '[[group]]\nadapter = "delayed:200"\ncompute = "recorded"\n'
    )
    done = call("--suite", "board.toml")
    assert done.exit_code == 2, done.output
    assert "--compute recorded and --replay RUN belong together" in done.output  # the others are worth having
    made = {path.name for path in (folder / "results").iterdir() if path.is_dir()}
    assert made - {".floors", ".heard", ".scored"} == {
        "report", "fd-bench-v1-mini-1--silent", "fd-bench-v1-mini-1--delayed-200--tick-100",
    }  # fmt: skip
    report = (folder / "results" / "report" / "report.md").read_text()
    assert "delayed:200" in report
    assert "silent" in report
    (folder / "late.toml").write_text('[[group]]\nadapter = "silent"\n[[group]]\nadapter = "sillent"\n')
    assert "there is no adapter 'sillent'" in refused("--suite", "late.toml", "--out", "fresh")
    assert not (folder / "fresh").exists()


def test_the_files_of_the_page_are_read(folder: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "configuring.md").read_text()
    files = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(files) == 2
    for number, text in enumerate(files):
        (folder / f"{number}.toml").write_text(text)
        found = values("--config", f"{number}.toml")
        assert "adapter" in found or len(found["group"]) == 3  # type: ignore[arg-type]


def test_the_help_has_its_options_under_headings() -> None:
    text = call("--help").output
    heads = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert heads[0] == "What is run:"
    assert len(heads) >= 6
    for name in options():
        assert f"--{name}" in text
