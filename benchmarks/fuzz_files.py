"""Targets of `fuzz.py`: annotations of every task, recordings, and what else lies in a run's folder."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from fuzz import LONGEST_S, Target
from msgspec import structs

from tml_bench.configuration.files import read_config
from tml_bench.configuration.keys import ConfigKey
from tml_bench.errors import UserError
from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.sheet import rows_of, to_csv
from tml_bench.perception.perceive import stored
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.questions import Verdict
from tml_bench.recording import LOG, MANIFEST, Manifest, Recording, entry_of
from tml_bench.report.files import read_summaries
from tml_bench.report.log import describe
from tml_bench.runs.admission import admitted_imports, admitted_samples
from tml_bench.runs.config import RunFile
from tml_bench.runs.heard_index import FOLDER as HEARD, HeardIndex, unchanged_recordings
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.runs.identity import SCHEME, dataset_sha256, sample_hashes
from tml_bench.runs.store import Attempt, read_lines, read_run
from tml_bench.samples import Sample
from tml_bench.scoring.agreement import labels_of
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.summary_file import stored_verdicts
from tml_bench.seals import sealed
from tml_bench.session.network import load_network
from tml_bench.task import Score, Task
from tml_bench.tasks.audio_multichallenge import parquet
from tml_bench.users.reply_cache import ReplyCache, ReplyRequest
from tml_bench.viewer.event_pages import event_page
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.inspected import score_lines
from tml_bench.viewer.run_files import open_viewed

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "runs"
RUN = "proactive-video-qa-mini-1--oracle"
TASK, SAMPLE = "proactive-video-qa", "TV-mini_tv_1"
SEAL = b'"seal"'


@cache
def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for this process and its children, in memory where there is some."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def folder(name: str) -> Path:
    """The scratch folder of a target, made once."""
    place = Path(scratch().name, name)
    place.mkdir(parents=True, exist_ok=True)
    return place


def written(name: str, data: bytes) -> Path:
    """A file of a target."""
    path = folder(name) / name
    path.write_bytes(data)
    return path


# ---- annotations


def whole(data: bytes) -> bytes:
    """All of a file."""
    return data


def lines(n: int) -> Callable[[bytes], bytes]:
    """The first lines of a file."""
    return lambda data: b"\n".join(data.split(b"\n")[:n]) + b"\n"


def items(n: int) -> Callable[[bytes], bytes]:
    """The first items of a JSON list, or of every list in an object that is in an object."""

    def cut(data: bytes) -> bytes:
        value = json.loads(data)
        if isinstance(value, list):
            return json.dumps(value[:n]).encode()
        for split in value.get("splits", {}).values():
            split["tasks"] = split["tasks"][:n]
        if "scenarios" in value:
            value["scenarios"] = value["scenarios"][:n]
        return json.dumps(value).encode()

    return cut


TRANSCRIPT = json.dumps(
    {
        "text": "Hello there.",
        "chunks": [{"text": "Hello", "timestamp": [0.1, 0.5]}, {"text": "there.", "timestamp": [0.5, None]}],
    }
).encode()


@dataclass(frozen=True)
class Annotated:
    """Samples of a mini set that are loaded with one of their files damaged.

    Attributes:
        task: Name of the task.
        file: What is damaged, below the folder; a transcript where the mini set has no such file.
        kept: What else of the mini set is there, as patterns.
        cut: Makes a small file of the real one.
        imported: The folder is one of recordings.
    """

    task: str
    file: str
    kept: tuple[str, ...] = ()
    cut: Callable[[bytes], bytes] = whole
    imported: bool = False

    @property
    def name(self) -> str:
        """What the target is called."""
        return f"{self.task}-{'import-' * self.imported}{Path(self.file).name}"

    @property
    def home(self) -> Path:
        """The mini set."""
        return load_task(self.task).own_folders()[0]

    def root(self) -> Path:
        """The folder with the mini set's part, made once."""
        place = folder(self.name)
        if any(place.iterdir()):
            return place
        for pattern in (self.file, *self.kept):
            for source in filter(Path.is_file, self.home.glob(pattern)):
                target = place / source.relative_to(self.home)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        if self.imported:
            for sound in [*place.rglob("input.flac"), *place.rglob("clean_input.flac")]:
                shutil.copyfile(sound, sound.with_name(sound.name.replace("input", "output")))
        return place

    def seeds(self) -> list[bytes]:
        """The real file, cut."""
        self.root()
        real = self.home / self.file
        return [self.cut(real.read_bytes() if real.is_file() else TRANSCRIPT)]

    def read(self, data: bytes) -> object:
        """Loads the samples as a run does before it begins, and plays and scores an ideal respondent."""
        root, task = self.root(), load_task(self.task)
        (root / self.file).write_bytes(data)
        if self.imported:
            found = [item.sample for item in admitted_imports(task, root)]
        else:
            found = admitted_samples(task, root, ())
        for sample in found:
            if not sample.problem:
                played(task, sample)
        return dataset_sha256(sample_hashes(found, root))

    def target(self) -> Target:
        """As `fuzz.py` takes it."""
        return Target(self.name, self.seeds, self.read, (UserError,), text=True)


def played(task: Task, sample: Sample) -> None:
    """Scores an ideal respondent; what a task raises over a sample costs that sample its score alone."""
    try:
        ideal = task.ideal(sample)
        task.user_stretches(sample, ideal)
        task.questions(sample, ideal)
        task.score(sample, ideal)
    except MemoryError:
        raise
    except Exception:
        return


ANNOTATED = (
    Annotated("charades", "Charades_v1_test.csv", ("*.txt", "videos/MIN01.*"), lines(3)),
    Annotated("charades", "Charades_v1_classes.txt", ("Charades_v1_test.csv", "videos/MIN01.*"), lines(4)),
    Annotated("charades", "charades_sta_test.txt", ("videos/MIN01.*",), lines(3)),
    Annotated("charades", "instructions.json", ("charades_sta_test.txt", "instructions/*", "videos/MIN01.*")),
    Annotated("repcount-a", "annotation/test.csv", ("video/test/*",), lines(3)),
    Annotated("proactive-video-qa", "TV/anno.json", ("TV/videos/mini_tv_1.mp4",), items(2)),
    Annotated(
        "timespeak",
        "items.jsonl",
        ("rendered.jsonl", "rendering.json", "audio/dev/ts-delay-003.ogg"),
        lines(3),
    ),
    Annotated(
        "timespeak",
        "rendered.jsonl",
        ("items.jsonl", "rendering.json", "audio/dev/ts-after-002.ogg"),
        lines(2),
    ),
    Annotated(
        "cuespeak", "items.jsonl", ("rendered.jsonl", "rendering.json", "audio/dev/cs-code-001.ogg"), lines(3)
    ),
    Annotated("fd-bench-v1", "candor_pause_handling/1/pause.json", ("candor_pause_handling/1/*",)),
    Annotated("fd-bench-v1", "candor_pause_handling/1/transcription.json", ("candor_pause_handling/1/*",)),
    Annotated("fd-bench-v1", "candor_turn_taking/1/turn_taking.json", ("candor_turn_taking/1/*",)),
    Annotated(
        "fd-bench-v1", "synthetic_user_interruption/1/interrupt.json", ("synthetic_user_interruption/1/*",)
    ),
    Annotated("fd-bench-v1", "icc_backchannel/1/backchannel.json", ("icc_backchannel/1/*", "icc_gt*")),
    Annotated("fd-bench-v1", "icc_gt_distribution.json", ("icc_backchannel/1/*",)),
    Annotated("fd-bench-v1", "candor_turn_taking/1/output.json", ("candor_turn_taking/1/*",), imported=True),
    Annotated("fd-bench-v1.5", "user_interruption/1/metadata.json", ("user_interruption/1/*",)),
    Annotated("fd-bench-v1.5", "user_interruption/1/input.json", ("user_interruption/1/*",)),
    Annotated("fd-bench-v1.5", "user_interruption/1/output.json", ("user_interruption/1/*",), imported=True),
    Annotated("fd-bench-v2", "prompts_staged.json", (), items(1)),
    Annotated(
        "fd-bench-v3",
        "travel_1_bb03f55d872f4e33e16e9995/metadata.json",
        ("travel_1_bb03f55d872f4e33e16e9995/*", "benchmark_data_v2.json"),
    ),
    Annotated("fd-bench-v3", "benchmark_data_v2.json", ("travel_1_*/*",), items(3)),
    Annotated("presence", "items.jsonl", ("audio/asks-progress-1-*",), lines(2)),
    Annotated("audio-multichallenge", "conversations.jsonl", ("audio/*/*",), lines(2)),
)


# ---- the official parquet


def tables() -> list[bytes]:
    """Small tables of the columns of AudioMultiChallenge, with rubrics in several forms."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    sound = (load_task("audio-multichallenge").own_folders()[0] / "audio").rglob("*")
    audio = next(path for path in sound if path.is_file()).read_bytes()[:4000]
    row = {
        "conversation_id": "a1",
        "axis": "VOICE_EDITING",
        "user_audio_1": {"bytes": audio, "path": "a.flac"},
        "user_transcript_1": "My name is Ada.",
        "assistant_transcript_1": "Hello Ada.",
        "user_audio_2": {"bytes": audio, "path": "b.flac"},
        "user_transcript_2": "What is it?",
        "assistant_transcript_2": "",
        "rubric": "- says Ada",
    }
    found = []
    for rubric in ('["says Ada", "is short"]', ["says Ada"], [{"criterion": "says Ada", "weight": 1}]):
        out = io.BytesIO()
        for compression in ("snappy", "zstd"):
            out.seek(0)
            pq.write_table(pa.Table.from_pylist([row | {"rubric": rubric}] * 2), out, compression=compression)
            found.append(out.getvalue())
    return found


def read_table(data: bytes) -> object:
    """Unpacks a parquet as the loader does: apart, where it may die of it (here in a quicker process)."""
    place = written("parquet", data)
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_S)
        os._exit(_unpacked(place))
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise TimeoutError(f"over {LONGEST_S} s")
    ended = os.waitstatus_to_exitcode(status)
    if ended == UNDOCUMENTED:
        raise RuntimeError("something else than it documents was raised")
    if ended:
        raise UserError(f"whoever reads it ends with {ended}")
    return ended


UNDOCUMENTED = 4


def _unpacked(place: Path) -> int:
    """Unpacks a parquet; the status of `unpacking` in words of its own."""
    out = folder("parquet-out")
    try:
        for _ in parquet.conversations([place], out):
            pass
    except (UserError, MemoryError):
        return 3
    except Exception:
        traceback.print_exc()
        return UNDOCUMENTED
    finally:
        shutil.rmtree(out)
    return 0


def rubrics() -> list[bytes]:
    """Rubrics as texts."""
    return [b'["says Ada", "is short"]', b"- says Ada\n- is short", b"array(['a', 'b'], dtype=object)"]


def read_rubric(data: bytes) -> object:
    """Unpacks a table with this rubric, which anybody may have written with half characters."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    place = folder("rubric") / "rubric.parquet"
    if not place.exists():
        place.write_bytes(tables()[0])
    table = pq.read_table(place)
    raw = pa.Array.from_buffers(pa.string(), len(table), _repeated(data, len(table)))
    column = table.column_names.index("rubric")
    pq.write_table(table.set_column(column, "rubric", raw), place.with_name("damaged.parquet"))
    out = folder("rubric-out")
    try:
        return list(parquet.conversations([place.with_name("damaged.parquet")], out))
    finally:
        shutil.rmtree(out)


def _repeated(data: bytes, times: int) -> list[object]:
    import pyarrow as pa

    offsets = b"".join((n * len(data)).to_bytes(4, "little") for n in range(times + 1))
    return [None, pa.py_buffer(offsets), pa.py_buffer(data * times)]


# ---- a run's folder


def unsealed(data: bytes) -> bytes:
    """A JSON object without its seal: damaged ones are sealed anew, else none would get any further."""
    head, field, _ = data.rpartition(SEAL)
    return head.rstrip().removesuffix(b",") + b"}" if field else data


def sealed_lines(data: bytes) -> bytes:
    """Lines, each with a seal of its own."""
    return b"\n".join(sealed(line) if line.rstrip().endswith(b"}") else line for line in data.split(b"\n"))


def run_with(name: str, file: str, data: bytes) -> Path:
    """A run in which one file is damaged."""
    place = folder(f"run-{name}") / RUN
    if not place.exists():
        shutil.copytree(GOLDEN / RUN, place)
    (place / file).write_bytes(data)
    return place


def golden(file: str) -> Callable[[], list[bytes]]:
    """A file of a run, without its seals."""
    return lambda: [b"\n".join(map(unsealed, (GOLDEN / RUN / file).read_bytes().split(b"\n")))]


def read_run_file(data: bytes) -> object:
    """Opens a run as whoever continues, scores or views it."""
    path = run_with("run", "run.json", sealed(data))
    with suppress(UserError):
        sample_index(open_viewed([path]))
    return read_run(path)


def read_attempts(data: bytes) -> object:
    """Reads the attempts of a run."""
    path = run_with("attempts", "attempts.jsonl", sealed_lines(data))
    sample_index(open_viewed([path]))
    return read_lines(path / "attempts.jsonl", Attempt)


def read_scores(data: bytes) -> object:
    """Reads the scores of a run, as `Run` and the viewer do."""
    path = run_with("scores", "scores.jsonl", data)
    sample_index(open_viewed([path]))
    list(score_lines(path / TASK / SAMPLE / "1"))
    return read_lines(path / "scores.jsonl", Score)


def read_verdicts(data: bytes) -> object:
    """Reads the verdicts of a run, also as labels of its judge."""
    path = run_with("verdicts", "verdicts.jsonl", data)
    labels_of(str(path))
    read_lines(path / "verdicts.jsonl", QuestionVerdict)
    return stored_verdicts(path, SAMPLE)


def read_summary(data: bytes) -> object:
    """Reads the summary of a run, as reports and the viewer do."""
    path = run_with("summary", "summary.json", data)
    sample_index(open_viewed([path]))
    return read_summaries([path])


def read_timeline(data: bytes) -> object:
    """Reads a timeline as scoring and as the viewer does."""
    path = run_with("timeline", f"timelines/{SAMPLE}-1.json", sealed(data))
    key = ""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        key = str(json.loads(data)["key"])
    return stored(path / f"timelines/{SAMPLE}-1.json", key)


def index_of_heard() -> tuple[HeardIndex, Path, RunFile]:
    """What is kept of what was heard in a run: the index, its file, and what the run is."""
    run = folder("run-heard") / RUN
    if not run.exists():
        shutil.copytree(GOLDEN / RUN, run)
    file = read_run(run)
    config = structs.replace(file.config, dataset_sha256=f"{SCHEME}:0")
    file = structs.replace(file, config=config)
    index = HeardIndex(run, file, load_task(TASK), (), "transcript")
    return index, run.parent / HEARD / f"{RUN}.jsonl", file


def lines_heard() -> list[bytes]:
    """A line of it, without its seal."""
    index, place, _ = index_of_heard()
    index.append(SAMPLE, 1, HeardRecording(b'{"turns":[]}', b'{"duration_s":1.0}'))
    return [unsealed(place.read_bytes().strip())]


def read_heard(data: bytes) -> object:
    """Reads what was heard as scoring does, and as a run that is continued."""
    index, place, file = index_of_heard()
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(sealed_lines(data))
    return [*index.read({SAMPLE: 1})], unchanged_recordings(place.parents[1] / RUN, file, {SAMPLE: 1})


def recording_with(name: str, file: str, data: bytes) -> Path:
    """A recording in which one file is damaged, as if it had been recorded so."""
    place = folder(f"recording-{name}") / "1"
    source = GOLDEN / RUN / TASK / SAMPLE / "1"
    if not place.exists():
        shutil.copytree(source, place)
    (place / file).write_bytes(data)
    if file != MANIFEST:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
        files = {**manifest.files, file: entry_of(place / file)}
        (place / MANIFEST).write_bytes(msgspec.structs.replace(manifest, files=files).encode())
    return place


def read_manifest(data: bytes) -> object:
    """Opens a recording."""
    return heard(recording_with("manifest", MANIFEST, sealed(data)))


def read_log(data: bytes) -> object:
    """Opens a recording whose events are damaged."""
    place = recording_with("log", LOG, data)
    event_page(place / LOG, 0)
    return heard(place)


def events() -> list[bytes]:
    """A log with few events of each kind."""
    kept: dict[str, list[bytes]] = {}
    for line in (GOLDEN / RUN / TASK / SAMPLE / "1" / LOG).read_bytes().splitlines(keepends=True):
        kept.setdefault(json.loads(line)["kind"], []).append(line)
    more = (
        {"kind": "tool_call", "t_ns": 5, "call_id": "c", "name": "f", "arguments": {"a": [1, {"b": "c"}]}},
        {"kind": "tool_result", "t_ns": 9, "call_id": "c", "name": "f", "output": {"x": 1}},
        {
            "kind": "model_transcript",
            "t_ns": 5,
            "text": "hi",
            "words": [{"text": "hi", "start_ns": 1, "end_ns": 9}],
        },
        {"kind": "flush", "t_ns": 7, "heard_ms": 1.5, "dropped_ms": 2.5, "kept": ["i"]},
        {"kind": "sent", "i": 1, "handed_ns": 5, "late_ns": 1, "took_ns": 2},
        {"kind": "provider", "t_ns": 5, "type": "x", "body": {"a": [1]}},
        {"kind": "ping", "t_ns": 5, "took_ns": 7},
        {"kind": "usage", "t_ns": 5, "input_tokens": 7, "input_audio_s": 0.5},
        {"kind": "imported_transcript", "words": [{"text": "hi", "start_s": 0.5, "end_s": None}]},
        {"kind": "note", "text": "x"},
        {"kind": "user_cut", "t_ns": 5, "turn": 0},
        {"kind": "user_text", "t_ns": 5, "text": "x"},
        {"kind": "fault", "t_ns": 5, "reason": "x"},
    )
    *found, end = (line for some in kept.values() for line in some[:3])
    return [b"".join((*found, *(json.dumps(one).encode() + b"\n" for one in more), end))]


def heard(place: Path) -> object:
    """What perceiving and `inspect` need of a recording."""
    opened = Recording(place)
    return opened.facts, opened.facts.claimed, list(describe(opened)), opened.compute_ns()


def read_reply(data: bytes) -> object:
    """Finds a reply of a user's language model."""
    request = ReplyRequest("m", [{"role": "user", "content": "Hello"}], {"seed": 1})
    path = folder("replies") / f"{request.key}.json"
    path.write_bytes(data)
    return ReplyCache(None, [path.parent]).find(request)


def replies() -> list[bytes]:
    """A stored reply."""
    request = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "settings": {"seed": 1}}
    return [json.dumps({"request": request, "reply": "Hi.", "replied": "m-1"}).encode()]


# ---- what users write


def sheets() -> list[bytes]:
    """A sheet of the questions of a run, filled in."""
    found = read_lines(GOLDEN / RUN / "verdicts.jsonl", QuestionVerdict)
    rows = [msgspec.structs.replace(row, answer=row.allowed[0]) for row in rows_of(q.question for q in found)]
    return [to_csv(rows[:3]).encode(), to_csv(rows[:3]).encode("utf-8-sig")]


def caches() -> list[bytes]:
    """A cache of a judge's answers."""
    path = folder("caches") / "cache.sqlite"
    path.unlink(missing_ok=True)
    with closing(JudgeCache(path)) as cache:
        for asked in read_lines(GOLDEN / RUN / "verdicts.jsonl", QuestionVerdict)[:3]:
            verdict = Verdict("2", "why", "raw", "openai", "m", "1", 10, 2)
            cache.keep(("openai", "m", "1"), asked.question, verdict)
    return [path.read_bytes()]


KEYS = {
    "task": ConfigKey("task", "text", repeatable=True),
    "limit": ConfigKey("limit", "integer"),
    "seed": ConfigKey("seed", "integer"),
    "fresh": ConfigKey("fresh", "flag"),
    "max-session": ConfigKey("max-session", "number", everywhere=False),
}
CONFIGURATION = b"""
task = ["fd-bench-v1", "charades"]
limit = 3
max-session = 1.5
[adapters.mine]
use = "openai-realtime"
model = "m"
[[group]]
seed = 1
fresh = true
"""
NETWORK = b"""
[up]
delay_ms = 60
jitter_ms = 40
loss = 0.01
kbps = 1000
[[outages]]
start_s = 1.5
duration_s = 0.5
"""


def own_file(
    name: str, seeds: Callable[[], Sequence[bytes]], read: Callable[[Path], object], *, text: bool = True
) -> Target:
    """A target that is one file."""
    return Target(name, lambda: list(seeds()), lambda data: read(written(name, data)), (UserError,), text)


TARGETS: list[Target] = [
    *(one.target() for one in ANNOTATED),
    Target("parquet", tables, read_table, (UserError,)),
    Target("rubric", rubrics, read_rubric, (UserError,), text=True),
    Target("run.json", golden("run.json"), read_run_file, (UserError,), text=True),
    Target("attempts.jsonl", golden("attempts.jsonl"), read_attempts, (UserError,), text=True),
    Target("scores.jsonl", golden("scores.jsonl"), read_scores, (UserError,), text=True),
    Target("verdicts.jsonl", golden("verdicts.jsonl"), read_verdicts, (UserError,), text=True),
    Target("summary.json", golden("summary.json"), read_summary, (UserError,), text=True),
    Target("timeline", golden(f"timelines/{SAMPLE}-1.json"), read_timeline, (UserError,), text=True),
    Target("heard.jsonl", lines_heard, read_heard, (), text=True),
    Target("manifest.json", golden(f"{TASK}/{SAMPLE}/1/{MANIFEST}"), read_manifest, (UserError,), text=True),
    Target("session.jsonl", events, read_log, (UserError,), text=True),
    Target("user-reply", replies, read_reply, (UserError,), text=True),
    own_file("sheet.csv", sheets, lambda path: labels_of(str(path))),
    own_file("judge-cache", caches, lambda path: labels_of(str(path)), text=False),
    own_file("configuration.toml", lambda: [CONFIGURATION], lambda path: read_config(path, KEYS)),
    own_file("network.toml", lambda: [NETWORK], lambda path: load_network(str(path))),
    own_file(
        "prices.json",
        lambda: [(Path(str(load_prices.__code__.co_filename)).with_name("prices.json")).read_bytes()],
        load_prices,
    ),
]
