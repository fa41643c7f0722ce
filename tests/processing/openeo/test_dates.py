"""`date_shift`, and dates in arrays."""

import pytest

from processing.openeo.suite import compute
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"date": "2020-02-30", "value": 1, "unit": "day"}, "calendar"),
        ({"date": 20200101, "value": 1, "unit": "day"}, "must be texts"),
        ({"date": "2020-01-01", "value": 1.5, "unit": "day"}, "whole number"),
        ({"date": "2020-01-01", "value": float("nan"), "unit": "day"}, "whole number"),
        ({"date": "2020-01-01", "value": "1", "unit": "day"}, "whole number"),
        ({"date": "2020-01-01", "value": 10**40, "unit": "day"}, "1 to 9999"),
        ({"date": "2020-01-01", "value": 1, "unit": "decade"}, "'unit' is none of"),
    ],
)
def test_what_cannot_be_shifted_is_refused(arguments, what):
    with pytest.raises(ProcessParameterInvalidError, match=what):
        compute("date_shift", arguments)


def test_each_date_of_an_array_is_shifted():
    shifted = {
        "s": {
            "process_id": "date_shift",
            "arguments": {"date": {"from_parameter": "x"}, "value": 1, "unit": "month"},
            "result": True,
        }
    }

    assert compute(
        "array_apply", {"data": ["2020-01-31", None, "2020-12-01T00:00:00Z"], "process": {"process_graph": shifted}}
    ) == [
        "2020-02-29",
        None,
        "2021-01-01T00:00:00Z",
    ]


def test_a_date_is_shifted_by_each_number_of_an_array():
    shifted = {
        "s": {
            "process_id": "date_shift",
            "arguments": {"date": "2020-01-31", "value": {"from_parameter": "x"}, "unit": "month"},
            "result": True,
        }
    }

    assert compute("array_apply", {"data": [0, 1, -2], "process": {"process_graph": shifted}}) == [
        "2020-01-31",
        "2020-02-29",
        "2019-11-30",
    ]
