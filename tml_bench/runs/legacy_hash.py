"""The data hash of version 0.1.0, so that runs made with it are still known to have today's data.

It hashed the ``repr`` of what a sample consists of, the names of classes included. Here that text is written
by hand, with the names and fields that classes had then, whatever they have become.
"""

import hashlib
from collections.abc import Sequence
from pathlib import PurePath

from tml_bench.samples import Sample, Waveform

_THEN = {
    new: (old or new, tuple(fields.split()))
    for new, old, fields in (
        ("Reference", "", "user_end_s ideal annotation"),
        ("Utterance", "", "at_s role until_s text"),
        ("UserText", "", "at_s text"),
        ("At", "", "t_s"),
        ("AfterModelStops", "", "gap_s timeout_s"),
        ("IntoModelSpeech", "", "after_s timeout_s"),
        ("Subtitle", "", "start_s end_s text"),
        ("Word", "", "text start_s end_s"),
        ("ConversationAnnotation", "Spoken", "turns items ideal played user_audio_s audio_s"),
        ("ConversationTurn", "Exchange", "user audio assistant"),
        ("RubricItem", "Item", "text check"),
        ("ReplyCheck", "Check", "all_of none_of most_words fewest_words"),
        ("MomentAnnotation", "Expected", "start_s end_s video_at_s length_s"),
        ("ProactiveAnnotation", "Expected", "question turns video_at_s length_s"),
        ("ExpectedTurn", "Turn", "content span related_end_s"),
        ("RepetitionAnnotation", "Repetitions", "action count ends start_s end_s"),
        ("PauseAnnotation", "Pause", "duration_s pause user_end_s"),
        ("BackchannelAnnotation", "Backchannel", "duration_s distribution windows unknown"),
        ("TurnEndAnnotation", "TurnEnd", "duration_s user_end_s"),
        ("InterruptionAnnotation", "Interruption", "duration_s interruption context text"),
        (
            "OverlapAnnotation",
            "Overlap",
            "duration_s context_text overlap_text overlap context reply_text user user_clean",
        ),
        ("CleanAnnotation", "Clean", "duration_s item"),
        ("TimedAnnotation", "Expected", "item turns due quiet_from length_s"),
        ("UserSentence", "Said", "text start_s end_s"),
        ("DueEvent", "Due", "event target truth_s"),
        ("EventTarget", "Target", "at_s opens_s closes_s never_before_s"),
        ("TimedItem", "Item", "id split family difficulty voice turns tail_s events quiet_after note"),
        ("ItemTurn", "Turn", "id text at_s after gap_s pace"),
        ("ItemEvent", "Event", "id meaning accept reject anchor window after_s number speech"),
        ("SpeechAnchor", "Anchor", "turn edge word nth"),
        ("ScheduledWindow", "Scheduled", "d_s period_s"),
        ("CueWindow", "Cue", "w_s until"),
        ("AnswerWindow", "Answer", "w_s"),
        ("NumberDemand", "Number", "from_ to relative absolute"),
        ("LengthDemand", "Speech", "seconds relative absolute"),
    )
}
"""By today's name of a class: its name and fields then."""


def legacy_sha256(samples: Sequence[Sample]) -> str:
    """The hash that version 0.1.0 gave data made of these samples, in this order; hexadecimal."""
    digest = hashlib.sha256()

    def add(*values: object) -> None:
        digest.update(_repr(values).encode())

    for sample in samples:
        add(sample.id, sample.subset, sample.problem, sample.reference)
        script = sample.script
        add(script.texts, script.instructions, script.tail_s)
        for message in script.history:
            add(message.role, message.text)
            digest.update(b"" if message.audio is None else _content(message.audio))
        for turn in script.turns:
            digest.update(_repr(turn.cue).encode())
            digest.update(_content(turn.audio))
        for video in script.videos:
            add(video.at_s, video.sound, video.after, video.subtitles)
            digest.update(_content(video.path))
    return digest.hexdigest()


def _content(media: PurePath | Waveform) -> bytes:
    if isinstance(media, Waveform):
        return media.samples.tobytes()
    try:
        with open(media, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _repr(value: object) -> str:
    """``repr`` as it was then."""
    kind = type(value)
    if kind.__name__ in _THEN and kind.__module__.startswith("tml_bench."):
        name, fields = _THEN[kind.__name__]
        return f"{name}({', '.join(f'{field}={_repr(getattr(value, field))}' for field in fields)})"
    match value:
        case tuple():
            inner = ", ".join(map(_repr, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case list():
            return f"[{', '.join(map(_repr, value))}]"
        case dict():
            return f"{{{', '.join(f'{_repr(k)}: {_repr(v)}' for k, v in value.items())}}}"
    return repr(value)
