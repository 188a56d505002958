"""Changes between runs as JUnit XML, which CI systems read: one test case a task.

The document holds to the schema of Apache Ant's JUnit report and to the one of Jenkins, which asks for less.
The same changes give the same bytes: the time is when the latest of the second runs began.
"""

import re
from collections.abc import Collection
from xml.etree import ElementTree

from tml_bench.report.change_text import figures, sample_lines
from tml_bench.report.changes import ResultsChange, RunWithoutPartner, TaskChange
from tml_bench.report.grids import plain

SUITE = "tml-bench.compare"
_NO_XML = re.compile("[\ufffe\uffff]")
_NO_TIME = "1970-01-01T00:00:00"


def to_junit(found: ResultsChange, failed: Collection[TaskChange], limit: str) -> str:
    """Write the changes as JUnit XML.

    Args:
        found: the changes.
        failed: those that are failures.
        limit: by how much, in words.

    Returns:
        The document. A task that is worse is a failure; a run of the first set without a partner is skipped.
    """
    missing = [alone for alone in found.alone if alone.first]
    times = [t.created[:19] for t in found.tasks if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", t.created)]
    suites = ElementTree.Element("testsuites")
    counts = {
        "tests": str(len(found.tasks) + len(missing)),
        "failures": str(len(failed)),
        "errors": "0",
        "skipped": str(len(missing)),
    }
    about = {"id": "0", "package": SUITE, "name": SUITE, "hostname": "localhost", "time": "0"}
    suite = ElementTree.SubElement(
        suites, "testsuite", about | counts | {"timestamp": max(times, default=_NO_TIME)}
    )
    ElementTree.SubElement(suite, "properties")
    for task in found.tasks:
        _task(_case(suite, task.task, task.after_adapter), task, limit if task in failed else "")
    for alone in missing:
        _skipped(_case(suite, alone.task, alone.run), alone)
    for name in ("system-out", "system-err"):
        ElementTree.SubElement(suite, name)
    ElementTree.indent(suites)
    document: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _case(suite: ElementTree.Element, task: str, of: str) -> ElementTree.Element:
    about = {"classname": f"{SUITE}.{_text(task)}", "name": _text(f"{task} ({of})"), "time": "0"}
    return ElementTree.SubElement(suite, "testcase", about)


def _task(case: ElementTree.Element, task: TaskChange, limit: str) -> None:
    if limit:
        message = f"{task.task} is worse {limit}: {figures(task.score)}"
        failure = ElementTree.SubElement(case, "failure", {"message": _text(message), "type": "worse"})
        told = [message, f"first: {task.before_run}", f"second: {task.after_run}", *sample_lines(task, 10)]
        failure.text = "\n".join(map(_text, told))


def _skipped(case: ElementTree.Element, alone: RunWithoutPartner) -> None:
    ElementTree.SubElement(case, "skipped", {"message": _text(f"{alone.run} has no partner: {alone.why}")})


def _text(text: str) -> str:
    """A text in which every character may stand in XML."""
    return _NO_XML.sub(" ", plain(text))
