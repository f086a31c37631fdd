"""The layout of the package: imports go downwards, nothing goes in circles, and each class has one job and one name."""

from __future__ import annotations

import pytest

import house
from house import PACKAGE, ROOMS, Import

IMPORTS = house.imports()
CLASSES = house.classes()


def test_every_room_is_listed_once_from_the_ground_up() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert modules | folders == set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))


def test_a_room_imports_only_those_below_it() -> None:
    assert house.upward(IMPORTS) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert house.circle(IMPORTS) == []


def test_the_sandbox_shares_no_code_with_what_is_tested_against_it() -> None:
    assert house.outside_the_sandbox(IMPORTS) == []


def test_no_class_outgrows_one_head() -> None:
    assert house.too_large(CLASSES) == []


def test_no_class_name_means_two_things() -> None:
    assert house.named_alike(CLASSES) == {}


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (Import("model", "load.run"), house.upward),
        (Import("http.client", "state.store"), house.upward),
        (Import("load.run", "a_new_room"), house.upward),
        (Import("sandbox.app", "http.client"), house.outside_the_sandbox),
        (Import("sandbox.app", "sources.export.open"), house.outside_the_sandbox),
    ],
)
def test_an_import_that_breaks_a_rule_is_found(wrong: Import, found: object) -> None:
    assert callable(found)
    assert found([*IMPORTS, wrong]) == [wrong]


def test_a_circle_is_found_with_its_modules() -> None:
    ring = house.circle([Import("load.a", "load.b"), Import("load.b", "load.c"), Import("load.c", "load.a")])
    assert set(ring) == {"load.a", "load.b", "load.c"}


def test_large_classes_are_found_by_their_methods_and_by_what_they_must_be_given() -> None:
    fits = house.ClassSize("Fits", "load.a", house.MOST_METHODS, house.MOST_PARAMETERS)
    tall = house.ClassSize("Tall", "load.a", house.MOST_METHODS + 1, None)
    wide = house.ClassSize("Wide", "load.a", 2, house.MOST_PARAMETERS + 1)
    assert house.too_large([fits, tall, wide]) == [tall, wide]


def test_a_name_in_two_modules_is_found_unless_it_is_private() -> None:
    sizes = [house.ClassSize(name, module, 1, None) for module in ("load.a", "work.b") for name in ("Turn", "_Turn")]
    assert house.named_alike(sizes) == {"Turn": ["load.a", "work.b"]}
