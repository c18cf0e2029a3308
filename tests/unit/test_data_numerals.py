import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbell.data.numerals import explain, quote


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1,234", "its comma may be a decimal comma or separate thousands: write 1.234 or 1234"),
        ("10,5", "it has a decimal comma: write it with a decimal point, as 10.5"),
        ("1.234,5", "it has a decimal comma: write it with a decimal point, as 1234.5"),
        ("1 010,5", "it has a decimal comma: write it with a decimal point, as 1010.5"),
        ("1,234,567.8", "write it without thousands separators, as 1234567.8"),
        ("1.234.567", "write it without thousands separators, as 1234567"),
        ("1'010.5", "write it without thousands separators, as 1010.5"),
        ("$1,234.50", "write it without the currency sign, as 1234.50"),
        ("10,50 €", "write it without the currency sign, as 10.50"),
        ("$1,234", "write it without the currency sign"),
        ("12.3M", "write it in full, as 12300000"),
        ("-5k", "write it in full, as -5000"),
        ("10.5%", "it is a percentage: give the number itself"),
        (" ", "fill it in"),
        ("10.5", "write it with a decimal point and no thousands separator"),
        ("1,23,456", "write it with a decimal point and no thousands separator"),
        ("1,234,5", "write it with a decimal point and no thousands separator"),
        ("ten", "write it with a decimal point and no thousands separator"),
    ],
)
def test_each_way_to_write_a_number_for_people_has_its_remedy(text, remedy):
    assert explain(text) == remedy


@given(st.decimals(0, 10**9, places=2))
def test_what_is_proposed_is_the_number_that_was_meant(number):
    if number >= 1000:
        assert explain(f"{number:,}") == f"write it without thousands separators, as {number}"
    swapped = f"{number:,}".translate({ord(","): ".", ord("."): ","})
    assert explain(swapped) == f"it has a decimal comma: write it with a decimal point, as {number}"


@given(st.text())
def test_any_text_is_explained_and_quoted_on_one_line(text):
    for words in (explain(text), quote(text)):
        assert words
        assert len(quote(text)) <= 41
    assert quote(text).isprintable()
