"""Which user plays the scenarios of a run, and where its words and lines are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.perception import asr
from tml_bench.plugins import parse_adapter_spec
from tml_bench.redact import redacted
from tml_bench.samples import Sample
from tml_bench.users.llm_user import LLM, Busy, language_model_user
from tml_bench.users.reply_cache import FOLDER as REPLIES, ReplyCache
from tml_bench.users.staged import StagedPolicy, staged_lines
from tml_bench.users.voicing import FILLERS, INDEX, VoiceStore, unvoiced

STAGED = "staged"
"""The user of rules, see ``staged``."""
FOLDER = "user"
"""Where in a run's folder is kept what its user made."""
EARS = ("auto", "asr")


def _at_ease(seconds: float) -> None:
    """Nobody waits for the user."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """A user as given on the command line, ``staged`` or ``staged:ears=asr``.

    Attributes:
        spec: name of a policy, with options after a colon.
        cache: folder of the run in which what the user made is kept; None keeps nothing.
        given: such a folder of an earlier run, from which it is taken.
        busy: called with the seconds that the user's next move may take, where it may take long.
    """

    spec: str = STAGED
    cache: Path | None = None
    given: Path | None = None
    busy: Busy = _at_ease

    @property
    def policy(self) -> str:
        """Name of the policy."""
        return parse_adapter_spec(self.spec).target

    @property
    def ears(self) -> str:
        """``auto`` for the words of the model's transcript where it has one, ``asr`` for recognised ones."""
        return str(parse_adapter_spec(self.spec).kwargs.get("ears", EARS[0]))

    def reply_folders(self) -> list[Path]:
        """Where replies of a language model may be, the run's own first."""
        return [folder / REPLIES for folder in (self.cache, self.given) if folder is not None]

    def replies(self) -> ReplyCache:
        """The replies of the language model that plays the user."""
        own = None if self.cache is None else self.cache / REPLIES
        return ReplyCache(own, [] if self.given is None else [self.given / REPLIES])

    def voices(self, sample: Sample) -> VoiceStore:
        """The store that the user's lines are said from."""
        assert sample.scenario is not None
        shipped = () if sample.scenario.voiced is None else (sample.scenario.voiced,)
        cache, given = (None if folder is None else folder / "voice" for folder in (self.cache, self.given))
        return VoiceStore(shipped, cache, given)


STAGED_USER = UserSettings()


def checked_user(spec: str) -> str:
    """A user as given; raises UserError where there is none of that name, or an option is none."""
    named = parse_adapter_spec(spec)
    if named.target == LLM:
        language_model_user(spec)
    elif named.target != STAGED:
        raise UserError(
            f"there is no user {named.target!r}", f"give {STAGED}, or {LLM}:model=NAME,base_url=URL"
        )
    elif unknown := [*map(str, named.args), *(set(named.kwargs) - {"ears"})]:
        raise UserError(f"the user {named.target} has no option {unknown[0]!r}", "it has ears: auto or asr")
    if (ears := named.kwargs.get("ears", EARS[0])) not in EARS:
        raise UserError(f"a user has no ears={ears}", f"give ears={' or ears='.join(EARS)}")
    if ears == "asr" and (lacking := asr.missing(None)):
        raise UserError(f"--user {spec}: {lacking}", "install tml-bench[speech]")
    return spec


def shown_user(spec: str) -> str:
    """A user as it is recorded: without secrets, and without what does not change what it says."""
    named = parse_adapter_spec(spec)
    if named.target != LLM:
        return redacted(spec)
    ears = f",ears={named.kwargs['ears']}" if named.kwargs.get("ears", EARS[0]) != EARS[0] else ""
    return redacted(language_model_user(spec).name + ears)


def check_playable(user: UserSettings, sample: Sample) -> None:
    """Raise UserError for a sample that this user cannot play here; ``llm`` is not looked at."""
    if sample.scenario is None or sample.problem or user.policy == LLM:
        return
    from tml_bench.synthesis import voices

    StagedPolicy(sample.scenario, 0)
    lines = [*staged_lines(sample.scenario), *(FILLERS if sample.scenario.manners.hesitation else ())]
    missing = unvoiced(user.voices(sample), sample.scenario.voice, lines)
    if missing and (lacking := voices.missing(sample.scenario.voice)):
        raise UserError(
            f"{sample.id}: {len(missing)} of the user's lines are not spoken yet, such as {missing[0]!r}, "
            f"and {lacking}",
            "install tml-bench[voices]",
        )


def check_language_model(user: UserSettings, samples: Iterable[Sample]) -> str:
    """Look before a run whether its samples can be played by a language model.

    Returns:
        Why only what is cached is said; empty where the model can be asked.

    Raises:
        UserError: it cannot be asked and no cache holds replies, or lines cannot be spoken and none are kept.
    """
    from tml_bench.synthesis import voices

    kept = [folder / "voice" for folder in (user.cache, user.given) if folder is not None]
    scenarios = [sample.scenario for sample in samples if sample.scenario is not None]
    kept += [scenario.voiced for scenario in scenarios if scenario.voiced is not None]
    for voice in dict.fromkeys(scenario.voice for scenario in scenarios):
        if (lacking := voices.missing(voice)) and not any((folder / INDEX).is_file() for folder in kept):
            raise UserError(
                f"--user {LLM}: what it says cannot be spoken: {lacking}", "install tml-bench[voices]"
            )
    return language_model_user(user.spec).check(user.reply_folders())
