"""Free text over collections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.core.errors import InvalidInputError
from twinlake.discovery.freetext import fold, parse_free_text, text_of

TWIN = {
    "id": "EO.ECMWF.DAT.D1.DT_CLIMATE.G2.SSP3-7.0_IFS-NEMO.R1",
    "title": "Climate Change Adaptation Digital Twin (Climate Adaptation DT) - Future Projection - IFS-NEMO - Generation-2",
    "description": "Température de l'air\n  and more.",
    "keywords": ["Projection", "Chlorophyll-a"],
    "providers": [{"name": "ECMWF"}, {}],
}


@pytest.mark.parametrize(
    "q",
    [
        "climate",
        "DIGITAL twin",
        "digital   twin",
        "temperature de l'air and more",
        "nothing,climate",
        "climate,",
        "EO.ECMWF",
        "Generation-2",
        "chlorophyll",
        '"Climate Change Adaptation Digital Twin" AND "Future Projection" AND Generation-2 AND IFS-NEMO',
        'generation-2 AND "(Climate Adaptation DT) - Future Projection"',
        "(nothing OR climate) AND twin",
        "nothing OR climate AND twin",
        "+climate -historical",
        "NOT historical",
        "climate AND NOT (historical OR past)",
        'climate "future projection"',
        "ecmwf",
    ],
)
def test_finds(q):
    assert parse_free_text(q)(text_of(TWIN))


@pytest.mark.parametrize(
    "q",
    [
        "historical",
        "twin digital",
        "limate",  # terms are found where a word begins
        "climate AND historical",
        "climate -projection",
        '"more projection"',  # the end of a field ends a phrase
        "2 AND generation-1",
        "DT - Historical",
    ],
)
def test_does_not_find(q):
    assert not parse_free_text(q)(text_of(TWIN))


@pytest.mark.parametrize("q", ["", "   ", '"'])
def test_nothing_asks_for_nothing(q):
    assert parse_free_text(q) is None


@pytest.mark.parametrize(
    "q", ["AND", "climate AND", "(climate", "climate)", "NOT", ",climate", "a OR OR b", "(" * 100, "()", "x" * 5000]
)
def test_what_cannot_be_read_is_refused(q):
    with pytest.raises(InvalidInputError):
        parse_free_text(q)


@given(st.text(alphabet=st.sampled_from(list('ab AND OR NOT "(),+-é\n')), max_size=60))
def test_any_text_is_read_or_refused(q):
    try:
        matches = parse_free_text(q)
    except InvalidInputError:
        return
    assert matches is None or matches(fold("a b c")) in {True, False}
