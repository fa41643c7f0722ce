"""Every error of the openEO API has a class with its status."""

import inspect

import orjson

from twinlake.standards.openeo import errors


def test_every_code_has_a_class_with_the_right_status(shared):
    standard = orjson.loads((shared / "contracts/openeo/errors.json").read_bytes())
    own = {
        each.code: each.status
        for each in vars(errors).values()
        if inspect.isclass(each)
        and issubclass(each, errors.OpenEoError)
        and each not in {errors.OpenEoError, errors.ProcessError}
    }

    assert own == {code: error["http"] for code, error in standard.items()}
