"""The watch over asyncio sees every kind of leak, and nothing where there is none."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from leaks import watched
from virtual_time import VirtualTimeLoop, run_virtual

Work = Callable[[], Coroutine[Any, Any, object]]


async def forever() -> None:
    await asyncio.Event().wait()


async def numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


async def leaves_a_task() -> object:
    task = asyncio.create_task(forever())
    await asyncio.sleep(0)
    return task


async def leaves_a_task_that_is_about_to_begin() -> object:
    return asyncio.create_task(forever())


async def leaves_a_generator() -> object:
    generator = numbers()
    await anext(generator)
    return generator


async def leaves_a_server() -> object:
    return await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)


async def leaves_a_connection() -> object:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    server.close()
    await server.wait_closed()
    return writer


async def tidies_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(3))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0.001))
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"abc")
        assert await reader.read() == b"abc"
        writer.close()
        await writer.wait_closed()
    generator = numbers()
    await anext(generator)
    await generator.aclose()  # type: ignore[attr-defined]
    assert [n async for n in numbers()] == [1, 2]
    cancelled = asyncio.create_task(forever())
    cancelled.cancel()
    await asyncio.wait([cancelled])


def found_by(run: Callable[[], object]) -> list[str]:
    with watched() as watch:
        kept = run()  # held, so that nothing is tidied up by the end of a reference
    del kept
    return watch.found


LEAKS: list[tuple[Work, str]] = [
    (leaves_a_task, "a task is left running: "),
    (leaves_a_task_that_is_about_to_begin, "a task is left running: "),
    (leaves_a_generator, "an async generator is left open: "),
    (leaves_a_server, "is left registered: "),
    (leaves_a_connection, "a transport is left open: "),
]


@pytest.mark.parametrize(("work", "says"), LEAKS)
def test_each_kind_of_leak_is_seen_once(work: Work, says: str) -> None:
    (words,) = found_by(lambda: asyncio.run(work()))
    assert says in words


@pytest.mark.parametrize(("work", "says"), LEAKS[:-1])  # nothing outside answers in virtual time
def test_each_kind_of_leak_is_seen_in_virtual_time(work: Work, says: str) -> None:
    (words,) = found_by(lambda: run_virtual(work(), VirtualTimeLoop()))
    assert says in words


def test_a_loop_that_is_not_closed_is_seen() -> None:
    loop = asyncio.new_event_loop()
    assert found_by(lambda: loop.run_until_complete(asyncio.sleep(0))) == []  # it was there before
    loop.close()
    left: list[asyncio.AbstractEventLoop] = []
    (words,) = found_by(lambda: left.append(asyncio.new_event_loop()))
    assert words.startswith("a loop is left open: ")
    left[0].close()


def test_a_loop_of_another_thread_is_seen() -> None:
    def run() -> None:
        thread = threading.Thread(target=lambda: asyncio.run(leaves_a_task()))
        thread.start()
        thread.join()

    assert len(found_by(run)) == 1


def test_a_task_nobody_holds_is_seen() -> None:
    async def drops_a_task() -> None:
        asyncio.create_task(forever())  # noqa: RUF006
        await asyncio.sleep(0)
        # The task and the future it waits for hold each other, and nothing else holds them.
        gc.collect()

    (words,) = found_by(lambda: asyncio.run(drops_a_task()))
    assert words.startswith("a task nobody holds never ended: ")


def test_what_tidies_up_leaves_nothing() -> None:
    assert found_by(lambda: asyncio.run(tidies_up())) == []


def test_in_virtual_time_too() -> None:
    async def sleeps() -> None:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(7200))

    assert found_by(lambda: run_virtual(sleeps(), VirtualTimeLoop())) == []


def test_a_failure_hides_no_leak_and_an_interruption_is_none() -> None:
    async def fails(error: BaseException) -> None:
        _kept.append(asyncio.create_task(forever()))
        await asyncio.sleep(0)
        raise error

    _kept: list[asyncio.Task[None]] = []

    def run(error: BaseException) -> None:
        with pytest.raises(type(error)):
            asyncio.run(fails(error))

    assert len(found_by(lambda: run(ValueError()))) == 1
    assert found_by(lambda: run(KeyboardInterrupt())) == []


def test_the_fixture_fails_the_test_that_leaks_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom leaks import no_leaks\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import asyncio\n"
        "async def forever():\n"
        "    await asyncio.Event().wait()\n"
        "async def leaves():\n"
        "    return asyncio.create_task(forever())\n"
        "async def waits():\n"
        "    await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])\n"
        "def test_first(): asyncio.run(waits())\n"
        "def test_leaky(): asyncio.run(leaves())\n"
        "def test_last(): asyncio.run(waits())\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rE", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "3 passed, 1 error" in done.stdout
    assert "ERROR test_it.py::test_leaky - Failed: a task is left running: " in done.stdout
