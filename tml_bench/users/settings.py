"""Which user plays the scenarios of a run, and where its words and lines are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.plugins import parse_adapter_spec
from tml_bench.samples import Sample
from tml_bench.users.staged import StagedPolicy, staged_lines
from tml_bench.users.voicing import FILLERS, VoiceStore, unvoiced

STAGED = "staged"
"""The user of rules, see ``staged``."""
FOLDER = "user"
"""Where in a run's folder is kept what its user made."""
EARS = ("auto", "asr")


@dataclass(frozen=True, slots=True)
class UserSettings:
    """A user as given on the command line, ``staged`` or ``staged:ears=asr``.

    Attributes:
        spec: name of a policy, with options after a colon.
        cache: folder of the run in which what the user made is kept; None keeps nothing.
        given: such a folder of an earlier run, from which it is taken.
    """

    spec: str = STAGED
    cache: Path | None = None
    given: Path | None = None

    @property
    def policy(self) -> str:
        """Name of the policy."""
        return parse_adapter_spec(self.spec).target

    @property
    def ears(self) -> str:
        """``auto`` for the words of the model's transcript where it has one, ``asr`` for recognised ones."""
        return str(parse_adapter_spec(self.spec).kwargs.get("ears", EARS[0]))

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
    if named.target != STAGED:
        raise UserError(f"there is no user {named.target!r}", f"give {STAGED}")
    if unknown := [*map(str, named.args), *(set(named.kwargs) - {"ears"})]:
        raise UserError(f"the user {named.target} has no option {unknown[0]!r}", "it has ears: auto or asr")
    if (ears := named.kwargs.get("ears", EARS[0])) not in EARS:
        raise UserError(f"a user has no ears={ears}", f"give ears={' or ears='.join(EARS)}")
    return spec


def check_playable(user: UserSettings, sample: Sample) -> None:
    """Raise UserError for a sample that this user cannot play here."""
    if sample.scenario is None or sample.problem:
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
