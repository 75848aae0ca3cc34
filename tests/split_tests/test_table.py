"""How failures are told apart and counted, on canned outcomes; and what the committed counts must show."""

import pytest

from split_tests import __main__ as command
from split_tests import causes, table
from split_tests.catalogue import CatalogueError, package, packages


def failed(kind, text, bases="Exception BaseException object"):
    return {"chain": [{"class": kind, "bases": bases, "text": text}]}


@pytest.mark.parametrize(
    ("error", "flags", "expected"),
    [
        (failed("RPCTimeoutError", "'f' took more than 60.0 s"), {"mutates"}, causes.HUNG),
        (failed("EOFError", ""), set(), causes.HUNG),
        (failed("RPCSerializationError", "a parameter cannot be encoded as json: a set"), set(), causes.NO_VALUE),
        (failed("TypeError", "cannot pickle 'generator' object"), set(), causes.GENERATOR),
        (failed("AttributeError", "Can't pickle local object 'test.<locals>.<lambda>'"), set(), causes.CALLBACK),
        (failed("AttributeError", "Can't pickle local object 'test.<locals>.Key'"), set(), causes.UNPICKLABLE),
        (failed("TypeError", "cannot pickle 'module' object"), set(), causes.UNPICKLABLE),
        (failed("AttributeError", "type object 'engine' has no attribute 'a'"), set(), causes.CLASS),
        (failed("AssertionError", "{} != {'a': 1}"), {"mutates", "same object"}, causes.MUTATED),
        (failed("AssertionError", "[1] is not [1]"), set(), causes.IDENTITY),
        (failed("AssertionError", "'e' != 'chosen'"), {"process state"}, causes.STATE),
        (failed("Failed", "DID NOT WARN"), {"warns", "process state"}, causes.WARNING),
        (failed("AssertionError", "'RGB' != 'RGBA'"), set(), causes.COPY),
        (failed("KeyError", "1"), set(), causes.OTHER),
    ],
)
def test_a_failure_is_counted_under_its_cause(error, flags, expected):
    assert causes.cause(error, frozenset(flags), passes_with_pickle=False) == expected


def test_what_only_pickle_carries_is_a_value_or_an_exception_that_changed():
    changed = failed("AssertionError", "[1] != (1,)")
    own = failed("RPCMethodError", "Conflict: no", "RPCError Exception BaseException object")
    assert causes.cause(changed, frozenset({"mutates"}), passes_with_pickle=True) == causes.CHANGED
    assert causes.cause(own, frozenset(), passes_with_pickle=True) == causes.EXCEPTION


def outcomes(**by_test):
    return {test: {"test": test, **entry} for test, entry in by_test.items()}


PASSED = {"outcome": "passed"}
CANNED = {
    "plain": outcomes(a=PASSED, b=PASSED, c=PASSED, d={"outcome": "failed"}),
    "observed": outcomes(a=PASSED, b={"outcome": "passed", "flags": ["mutates"]}, c=PASSED),
    "json": outcomes(a=PASSED, b={"outcome": "failed", "error": failed("AssertionError", "[1] != (1,)")}),
    "msgpack": outcomes(a=PASSED, b=PASSED, c=PASSED, d=PASSED),
    "pickle": outcomes(
        a=PASSED, b={"outcome": "subtests failed", "error": failed("AssertionError", "{} != {1: 2}")}, c=PASSED
    ),
    "pipe": outcomes(a=PASSED, b=PASSED, c=PASSED),
}


def test_every_test_that_passes_plain_is_counted_once_in_every_way():
    rows = table.rows_of(packages()[0], CANNED)
    for over in table.WAYS:
        assert sum(row.tests for row in rows if row.over == over and row.outcome != "passed by pytest") == 3
    counts = {(row.over, row.outcome): row.tests for row in rows}
    assert counts["json", causes.NOT_MADE] == 1  # c
    assert counts["json", causes.MUTATED] == 1
    assert (counts["pickle", "passed"], counts["pickle", "passed by pytest"]) == (2, 3)


def test_fewer_than_over_a_pipe_or_than_a_floor_is_said():
    rows = table.rows_of(packages()[0], CANNED)
    name = packages()[0].name
    assert table.below_floor(rows, {name: 3}) == [f"{name}: 2 tests pass with pickle, 3 over a Pipe"]
    assert table.below_floor(rows, {name: 4})[1:] == [f"{name}: 3 tests pass with pickle, fewer than 4"]


def test_rows_come_back_from_a_csv_and_the_table_goes_between_its_markers(tmp_path):
    rows = table.rows_of(packages()[0], CANNED)
    table.write_csv(rows, tmp_path / "rows.csv")
    assert table.read_csv(tmp_path / "rows.csv") == rows
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write_markdown(rows, page)
    assert page.read_text() == f"before\n{table.BEGIN}\n\n{table.markdown(rows)}\n\n{table.END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="the table goes between"):
        table.write_markdown(rows, page)


def test_an_unknown_package_is_named_with_those_there_are():
    with pytest.raises(CatalogueError, match=r"'nothing'.*jsonpatch"):
        package("nothing")


def test_the_committed_counts_are_of_six_packages_or_more_and_reach_the_floors():
    rows = table.read_csv(command.CSV)
    counted = {(row.package, row.version) for row in rows}
    assert len(counted) >= 6
    assert counted <= {(each.name, each.version) for each in packages()}
    assert table.below_floor(rows, command.FLOORS) == []


def test_the_page_shows_the_committed_counts():
    assert table.markdown(table.read_csv(command.CSV)) in command.PAGE.read_text()
