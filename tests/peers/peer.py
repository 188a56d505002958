"""Independent servers: each in a virtual environment of its own, from pinned versions, on a loopback port."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVERS = Path(__file__).parent / "servers"
STOP_S = 10.0


@dataclass(frozen=True)
class Server:
    """A peer's server that runs: its port, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        os.killpg(self.process.pid, number)


@dataclass(frozen=True)
class Peer:
    """What to install, and the script that starts it.

    Attributes:
        name: of its environment's folder.
        script: file in ``servers``; it is given ``--port`` and then the test's own arguments.
        packages: installed with their dependencies.
        bare: installed after them without dependencies.
        start_s: longest wait until it takes connections.
    """

    name: str
    script: str
    packages: tuple[str, ...]
    bare: tuple[str, ...] = ()
    start_s: float = 180.0


_PIPECAT = ("pipecat-ai[websocket]==1.14.0", "uvicorn==0.54.0")
PIPECAT = Peer("pipecat", "pipecat_echo.py", _PIPECAT)
PIPECAT_TWILIO = Peer("pipecat", "pipecat_twilio.py", _PIPECAT)

# Of the extra [server] what its S3 needs.
MOTO = Peer("moto", "moto_s3.py", ("moto[s3]==5.2.5", "flask>=3", "flask-cors>=5", "werkzeug>=3"))

# moshi 0.2.13 asks for torch<2.10, and for bitsandbytes and sounddevice, which its server does not import.
MOSHI = Peer(
    "moshi",
    "moshi_tiny.py",
    (
        "torch==2.13.0",
        "aiohttp>=3.10.5,<3.12",
        "einops>=0.7,<0.9",
        "huggingface-hub>=0.24,<1",
        "numpy>=1.26,<2.3",
        "safetensors>=0.4,<0.8",
        "sentencepiece>=0.2,<0.3",
        "sphn>=0.2,<0.3",
        "tqdm>=4.48",
    ),
    bare=("moshi==0.2.13",),
)

# It asks for torch<2.5 and aiohttp<3.11, and for sounddevice, which its server does not import. Licence: MIT.
PERSONAPLEX = Peer(
    "personaplex",
    "personaplex_tiny.py",
    (
        "torch==2.13.0",
        "aiohttp>=3.10.5,<3.12",
        "einops>=0.7,<0.9",
        "huggingface-hub>=0.24,<1",
        "numpy>=1.26,<2.3",
        "safetensors>=0.4,<0.8",
        "sentencepiece>=0.2,<0.3",
        "sphn>=0.1.4,<0.2",
        "tqdm>=4.48",
    ),
    bare=(
        "moshi-personaplex @ git+https://github.com/NVIDIA/personaplex"
        "@3428dfd95309a7f3c84fd93259ded0f810d1ff91#subdirectory=moshi",
    ),
)

# Its engine asks for a GPU and eleven gigabytes; its session layer needs none of it.
SGLANG_OMNI = Peer(
    "sglang-omni",
    "sglang_echo.py",
    (
        "fastapi>=0.110",
        "msgpack>=1",
        "msgspec",
        "numpy>=1.24",
        "pydantic>=2",
        "uvicorn==0.54.0",
        "websockets>=12",
    ),
    bare=("sglang-omni==0.1.9",),
)

# Without the packages of the local models that speech-to-speech can also run: they weigh gigabytes.
SPEECH_TO_SPEECH = Peer(
    "speech-to-speech",
    "s2s.py",
    (
        "torch==2.13.0",
        "anyio>=4,<5",
        "fastapi>=0.115",
        "httpx>=0.28",
        "huggingface-hub>=0.34",
        "jinja2",
        "jsonschema>=4",
        "nltk==3.10.3",
        "numpy>=1.26",
        "openai==2.28.0",
        "pillow>=10",
        "pydantic>=2",
        "PyYAML>=6,<7",
        "requests",
        "rich>=13",
        "scipy>=1.10",
        "soxr>=0.3.2",
        "transformers>=5.18,<6",
        "uvicorn>=0.30",
        "websockets>=12",
    ),
    bare=("speech-to-speech==1.1.0", "silero-vad==6.2.3"),
)


_OUT_OF_REACH = (
    "Could not resolve host",
    "Failed to connect",
    "No matching distribution found",
    "unable to access",
)
"""What pip and git say where a registry cannot be reached, or has a package no more."""


def cache() -> Path:
    """Where the environments are kept: ``$TML_BENCH_PEERS``, or the user's cache folder."""
    return Path(os.environ.get("TML_BENCH_PEERS") or Path.home() / ".cache" / "tml-bench" / "peers")


def installed(peer: Peer) -> Path:
    """Python of the peer's environment, which is made if it is not there or was made from other versions."""
    wanted = json.dumps([sys.version_info[:2], peer.packages, peer.bare])
    folder = cache() / f"{peer.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            _pip(python, peer.packages)
            if peer.bare:
                _pip(python, ("--no-deps", *peer.bare))
            complete.touch()
            print(f"{peer.name}: installed in {time.monotonic() - began:.0f} s")
    return python


def _pip(python: Path, arguments: Sequence[str]) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        what = f"pip install {' '.join(arguments)}:\n{done.stderr[-3000:]}"
        if any(sign in done.stderr for sign in _OUT_OF_REACH):
            pytest.skip(f"a package is out of reach: {what}")
        pytest.fail(what, pytrace=False)


@contextmanager
def running(peer: Peer, log: Path, *arguments: str, port: int = 0) -> Iterator[Server]:
    """The peer's server, ready for connections, at a port or at any."""
    python = installed(peer)
    port = port or _free_port()
    # One thread: a second would take the harness's processor, whose lateness makes a session invalid.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with open(log, "w") as output:
        process = subprocess.Popen(
            [python, SERVERS / peer.script, "--port", str(port), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            _wait_until_ready(peer, process, port, log)
            yield Server(port, process)
        finally:
            _stop(process)


def _wait_until_ready(peer: Peer, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    began = time.monotonic()
    while time.monotonic() - began < peer.start_s:
        if process.poll() is not None:
            pytest.fail(f"{peer.name} ended with {process.returncode}:\n{_end_of(log)}", pytrace=False)
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print(f"{peer.name}: ready after {time.monotonic() - began:.1f} s")
                return
        time.sleep(0.2)
    pytest.fail(f"{peer.name} is not ready after {peer.start_s:g} s:\n{_end_of(log)}", pytrace=False)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
