"""The documents behind the viewer's page; what is written here is all that the page may rely on.

Times and lengths are seconds (``*_s``) on the session clock; texts are as models, data sets and services gave
them, and may hold anything: a page shows them as text, never as markup. An empty string or list is
"nothing", ``null`` is "not known".

Addresses are relative to the page, the same whether a server gives them or files do:

    index.html                          the page
    data/index.json                     `SampleIndex`
    data/samples/<run>/<n>.json         `SampleDocument`
    data/events/<run>/<n>/<page>.json   `EventPage`, pages 0, 1, ...
    audio/<run>/<n>/user.flac           the user's track; ``model.flac`` the model's: same rate, same length
    data/tracks/<run>/<n>/user.js       a track as text, for pages that may not fetch: its FLAC file in base64
    video/<run>/<n>/<k>                 the k-th video, from 0, as the data set has it

``<run>`` is ``IndexedRun.key``, ``<n>`` is in the column ``n``. Beside every ``.json`` stands the same
document as a ``.js`` file that calls ``tml_bench_document(address, document)``, its address without the
ending, such as ``data/index``: pages opened from a disk may not fetch.
"""

from __future__ import annotations

import msgspec

INDEX_SCHEMA = "tml-bench/viewer-index/1.0"


class IndexedRun(msgspec.Struct, frozen=True):
    """A run in the list.

    Attributes:
        key: its name in addresses: letters, digits, ``.``, ``_``, ``=`` and ``-``; unique in the list.
        run: its folder's name.
        task: name of the task; ``title`` for people.
        adapter: the adapter as given, or the system whose exchanges were imported.
        ruler: it is a reference adapter, never a model.
        dataset: name and version of the data.
        clock: ``simulated``, ``wall`` or ``imported``; ``compute`` and ``network`` say how.
        judge: who judged; empty where nothing was asked.
        created: UTC, ISO 8601; empty where it is not known.
        scored: it has scores; without, all numbers are ``null``.
        headline: names of the task's headline metrics, in order.
        problem: what of it could not be read; empty when all could.
    """

    key: str
    run: str
    task: str
    title: str
    adapter: str
    ruler: bool
    dataset: str
    clock: str
    compute: str
    network: str
    judge: str
    created: str
    scored: bool
    headline: tuple[str, ...]
    problem: str = ""


class IndexedMetric(msgspec.Struct, frozen=True):
    """A metric that stands in the list; shares have the unit ``%`` and values in [0, 1]."""

    task: str
    name: str
    title: str
    unit: str
    direction: str
    describes: str


class IndexColumns(msgspec.Struct, frozen=True):
    """The samples, one entry of each list for each, worst first.

    Attributes:
        sample: its id.
        run: place in ``SampleIndex.runs``.
        n: its number in its run, from 0; part of addresses.
        subset: place in ``SampleIndex.subsets``: part or family of the task.
        outcome: place in ``SampleIndex.outcomes``.
        metric: place of its score's metric in ``SampleIndex.metrics``; -1 where there is no score.
        score: that metric's value; ``null`` where there is none.
        headline: values of the headline metrics of its run, in that order; ``null`` where there is none.
        badness: from 0 (best) to 1 (worst) among samples of its metric; ``null`` where there is no score.
        expected: how many events were expected; like the following, ``null`` where the task counts none.
        hit: how many of them were hit.
        early: how many came early.
        late: how many came late.
        wrong: how many came in time, but not as expected.
        missed: how many did not come.
        false_alarm: how much else was said.
        duration_s: length of the session.
        reason: why it has no valid outcome, or no score; shortened.
    """

    sample: list[str]
    run: list[int]
    n: list[int]
    subset: list[int]
    outcome: list[int]
    metric: list[int]
    score: list[float | None]
    headline: list[list[float | None]]
    badness: list[float | None]
    expected: list[int | None]
    hit: list[int | None]
    early: list[int | None]
    late: list[int | None]
    wrong: list[int | None]
    missed: list[int | None]
    false_alarm: list[int | None]
    duration_s: list[float]
    reason: list[str]


class SampleIndex(msgspec.Struct, frozen=True):
    """All samples of one or several runs, in columns, so that 10,000 of them are read at once."""

    runs: tuple[IndexedRun, ...]
    subsets: tuple[str, ...]
    outcomes: tuple[str, ...]
    metrics: tuple[IndexedMetric, ...]
    columns: IndexColumns
    schema: str = INDEX_SCHEMA
