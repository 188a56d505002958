"""Loading FD-bench v2 from disk.

Layout: ``{root}/prompts_staged_200.json`` or ``{root}/v2/prompts_staged_200.json``, as in the official
repository. The set that ships is ``prompts_staged.json`` of the same layout; the lines of its users are
written (``prompt_file``), and lie beside it as spoken, in ``voice``.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Script
from tml_bench.scenario import Manners, Scenario
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import RecordPlace, json_file, short
from tml_bench.tasks._common.tables import RecordTally
from tml_bench.tasks.fd_bench_v2.annotation import CORRECTION, SPLITS, TRACKING
from tml_bench.tasks.fd_bench_v2.pacing import SLOW
from tml_bench.tasks.fd_bench_v2.prompt_file import ID, PromptFile, PromptTask
from tml_bench.tasks.fd_bench_v2.scenarios import annotated, scenario_of

MINI = Path(__file__).parent / "mini"
FILE, OWN_FILE, VOICED = "prompts_staged_200.json", "prompts_staged.json", "voice"
OFFICIAL_TASKS = 50
"""In each split."""
BUDGET_S, LONG_BUDGET_S = 120.0, 180.0
"""Length of the benchmark's own conversations, of which many are not over by then; and a longer one."""
REMEDY = "get it again from the benchmark's repository"
INSTRUCTIONS = "You are a helpful voice assistant, on the phone with the user. Speak English and be brief."


def load(
    root: Path, subsets: Sequence[str], pacing: Manners = SLOW, budget_s: float = BUDGET_S
) -> Iterator[Sample]:
    """Load the tasks of a folder, split by split, in the order of the file; unusable ones carry ``problem``.

    Args:
        root: the folder.
        subsets: splits; empty for all that are there.
        pacing: of the users; what a task says of their manners is so in any.
        budget_s: after so long a conversation is cut off.

    Raises:
        UserError: the folder or a split does not exist, or the file cannot be read.
    """
    path, splits = _read(root)
    asked = chosen(root, subsets, SPLITS, list(splits))
    tally = RecordTally(path)
    seen: set[str] = set()
    samples: list[Sample] = []
    for split, tasks in splits.items():
        for number, raw in enumerate(tasks, start=1):
            given = str(raw.get("id", "")) if isinstance(raw, dict) else ""
            name = given if ID.fullmatch(given) and given not in seen else f"{split}.unusable-{number}"
            seen.add(name)
            place = RecordPlace(short(path), given or f"{split}, task {number}", f"correct it, or {REMEDY}")
            try:
                task = _task(place, raw, name, split)
            except BadSampleError as error:
                tally.wrong(error)
                samples.append(Sample(name, split, problem=str(error)))
            else:
                samples.append(_sample(task, scenario_of(task, pacing, budget_s, path.parent / VOICED)))
    return (sample for sample in samples if sample.subset in asked)


def is_whole(root: Path) -> bool:
    """Whether a folder holds the official tasks, all of them and no other: 50 of each split, by their ids."""
    try:
        found = list(load(root, ()))
    except UserError:
        return False
    wanted = [(split, number) for split in SPLITS for number in range(1, OFFICIAL_TASKS + 1)]
    return sorted(map(_official_place, found)) == sorted(wanted)


def _official_place(sample: Sample) -> tuple[str, int]:
    """The split of an official task and its number there; 0 for one that is none."""
    kind = "" if sample.subset in (CORRECTION, TRACKING) else r"[a-z_]+\."
    match = re.fullmatch(rf"{sample.subset}\.{kind}(\d{{3}})", sample.id)
    return sample.subset, int(match[1]) if match and not sample.problem else 0


def _read(root: Path) -> tuple[Path, dict[str, list[object]]]:
    """The file of a folder, and its tasks by split, in the order of `SPLITS`."""
    check_folder(root, f"give the folder that holds {FILE}")
    places = (root / name for name in (FILE, f"v2/{FILE}", OWN_FILE))
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UserError(f"--data {root}: holds no {FILE}", REMEDY)
    splits = json_file(path, PromptFile, REMEDY).splits
    if unknown := sorted(set(splits) - set(SPLITS)):
        what = f"{path}: splits.{unknown[0]}: there is no such split"
        raise UserError(what, f"known are {', '.join(SPLITS)}")
    return path, {split: splits[split].tasks for split in SPLITS if split in splits}


def _sample(task: PromptTask, scenario: Scenario) -> Sample:
    replies = () if task.user is None else task.user.replies
    expected = annotated(task, scenario)
    reference = Reference(annotation=expected, replies=replies, forgotten=expected.forgotten)
    script = Script(instructions=INSTRUCTIONS)
    return Sample(task.id, task.split, script, reference, unit=task.id, scenario=scenario)


def _task(place: RecordPlace, raw: object, name: str, split: str) -> PromptTask:
    """A task under the name that is free for it. Raises `BadSampleError`: it cannot be used."""
    task = place.record(raw, PromptTask)
    if task.split != split:
        raise place.bad("split", f"{task.split!r} stands among those of {split}")
    if task.id != name:
        raise place.bad("id", "another task has it too", "give each its own")
    return task
