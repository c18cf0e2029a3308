"""The page of rules and the tests of rules name each other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "fills.md").read_text(encoding="utf-8")
FILES = [
    *sorted(set((ROOT / "tests" / "unit").glob("test_fills_*.py")) - {Path(__file__)}),
    ROOT / "tests" / "property" / "test_fills.py",
]
TESTS = {
    name
    for file in FILES
    for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_every_test_that_the_page_names_exists():
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - TESTS == set()


def test_every_test_of_a_rule_is_named_in_the_page():
    assert TESTS - set(re.findall(r"`(test_\w+)`", PAGE)) == set()


def test_every_rule_has_a_drawing_and_a_proof():
    rules = re.split(r"^### ", PAGE.partition("## Laws")[0], flags=re.MULTILINE)[1:]
    assert len(rules) > 25
    for rule in rules:
        title = rule.partition("\n")[0]
        assert rule.count("```") == 2, title
        assert "Proved by `test_" in rule, title
