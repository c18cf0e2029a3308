"""The page of findings knows every kind that there is, and the code every kind of the page."""

import re
from pathlib import Path

import openbell.reporting.findings as doctor
from openbell.data.bars import FindingKind
from openbell.portfolio.evidence import Standing
from openbell.portfolio.summary import DESCRIPTIONS
from openbell.reporting.judgement import UNSOUND
from openbell.reporting.notices import LOOK_AHEAD

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verdict.md"
FOLDER = Path(doctor.__file__).parent
MODULES = ("booked", "credibility", "events", "provenance", "reliance")


def test_every_kind_of_finding_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8").split("## Findings")[1]
    known = {
        kind
        for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", row)
    }
    source = "\n".join((FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in MODULES)
    written = {LOOK_AHEAD, *(kind for kind in known if f'"{kind}"' in source)}
    assert known - {"kind"} == written
    quoted = {word for word in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', source) if word not in DESCRIPTIONS}
    assert quoted <= known
    assert FindingKind.MISSING_SESSIONS.value in text


def test_every_standing_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8").split("## Figures")[0]
    assert set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) - {"standing"} == {*Standing, UNSOUND}
