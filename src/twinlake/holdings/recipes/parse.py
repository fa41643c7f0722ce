"""From TOML to a recipe, with mistakes named so that they can be corrected."""

import tomllib
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from twinlake.core.errors import InvalidInputError
from twinlake.holdings.recipes.models import Recipe

_MAX_CHARACTERS = 256 * 1024


class RecipeError(InvalidInputError):
    """A recipe cannot be read; the message names each mistake and where it stands."""

    code = "recipe-invalid"


def parse_recipe(text: str | None) -> Recipe:
    """Read a recipe; no text is the empty recipe, which leaves everything to the files.

    Raises
    ------
    RecipeError
        The text is no TOML, a key is unknown (the nearest known one is suggested), or a value does not fit.
    """
    if text is None:
        return Recipe()
    if len(text) > _MAX_CHARACTERS:
        raise RecipeError("The recipe is too long.", remedy="Use patterns instead of naming files one by one.")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"The recipe is no TOML: {error}.", remedy="Correct it and try again.") from None
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(_explain(each) for each in error.errors()[:5])
        raise RecipeError(f"The recipe is wrong: {problems}.", remedy="Correct it and try again.") from None


def _explain(problem: Any) -> str:
    location = problem["loc"]
    place = ".".join(str(part) for part in location)
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg'].removeprefix('Value error, ')}"
    known = _keys(location[:-1])
    near = get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}" if near else f"known are {', '.join(sorted(known))}"
    return f"{place} is not known: {advice}"


def _keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the model at *location* has."""
    model: Any = Recipe
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) and _is_model(model) else None
        model = _model_in(field.annotation) if field is not None else model
    return list(model.model_fields) if _is_model(model) else []


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _model_in(annotation: Any) -> Any:
    """Return the model inside containers and unions."""
    if _is_model(annotation) or get_origin(annotation) not in {tuple, dict, list, Union, UnionType}:
        return annotation
    return next((found for each in get_args(annotation) if _is_model(found := _model_in(each))), annotation)
