"""Calls as programs make them: which lines, beside which, in which words and order; and what their place explains."""

from __future__ import annotations

from scenarios.statistics import clients_and_rates, figures, real, where
from scenarios.tables import of_run
from tests.scenarios.rows import row
from tests.scenarios.tables import cells, table

IDEAL = cells("shm", {100: [5.0, 6.0, 7.0]}, scenario="full")
ASLEEP = cells("shm", {100: [60.0] * 3}, scenario="full/paced", load="1000/s-asleep", calls_per_s="1000")
AWAKE = cells("shm", {100: [70.0] * 3}, scenario="full/paced", load="1000/s", calls_per_s="1000")
BURNED = cells("shm", {100: [30.0] * 3}, scenario="full/beside", beside="2-burners")
OVERLOADED = cells("shm", {100: [9e5] * 3}, scenario="full/paced", load="5000/s-asleep", calls_per_s="900")
RATES = cells("shm", {100: [80.0] * 3}, scenario="full/load", load="1000/s", calls_per_s="1000")
EVERYTHING = table(IDEAL, ASLEEP, AWAKE, BURNED, OVERLOADED, RATES)


def test_the_ideal_line_is_first_and_each_case_has_words() -> None:
    lines = real.by_case(EVERYTHING)
    assert list(zip(lines["case"], lines["p50_us"], strict=True)) == [
        ("back to back", 6.0),
        ("5,000/s asleep", 9e5),
        ("1,000/s asleep", 60.0),
        ("1,000/s awake", 70.0),
        ("back to back, 2 computing processes beside", 30.0),
    ]


def test_each_circumstance_has_words_and_a_place() -> None:
    placed: list[tuple[dict[str, str], str]] = [
        ({"beside": "1-burner"}, "back to back, 1 computing process beside"),
        ({"beside": "2-burners"}, "back to back, 2 computing processes beside"),
        ({"beside": "quota-100%"}, "back to back, quota of 1 CPU"),
        ({"beside": "quota-150%"}, "back to back, quota of 1.5 CPUs"),
        ({"beside": "client-thread"}, "back to back, computing thread in client"),
        ({"beside": "server-thread"}, "back to back, computing thread in server"),
        ({"heap": "worn"}, "back to back, worn heap"),
        ({"placement": "together"}, "back to back, on one CPU"),
        ({"placement": "apart"}, "back to back, on two CPUs"),
    ]
    measured = [cells("shm", {100: [30.0] * 3}, scenario="full/beside", **axes) for axes, _ in reversed(placed)]
    lines = real.by_case(table(*measured, IDEAL))
    assert list(lines["case"]) == ["back to back", *(words for _, words in placed)]


def test_a_contender_that_could_not_keep_up_has_no_figure_but_a_word() -> None:
    shown = of_run.real(real.by_case(EVERYTHING), ["shm"])
    texts = {row[0].text: row[1].text for row in shown.itertuples(index=False)}
    assert texts["5,000/s asleep"].startswith("overloaded, ")
    assert texts["1,000/s asleep"].startswith("60")


def test_other_circumstances_change_no_figure_of_ideal_ones() -> None:
    assert list(figures.headline(EVERYTHING)["p50_us"]) == [5.0, 6.0, 7.0]
    assert set(clients_and_rates.by_rate(EVERYTHING)["p50_us"]) == {80.0}
    assert len(clients_and_rates.by_clients(table(IDEAL, BURNED))) == 0


def test_a_run_without_such_cells_has_no_such_lines() -> None:
    assert len(real.by_case(table(IDEAL, RATES))) == 0


def _placed(p50: float, client: str, server: str, **values: object) -> dict[str, str]:
    return row(p50_us=p50, client_on_cpu=client, server_on_cpu=server, **values)


def test_repeats_on_one_cpu_that_differ_from_those_on_two_are_told() -> None:
    ((kind, text, found),) = where.caveats([_placed(20, "0", "0"), _placed(6, "0", "1"), _placed(9, "1", "")], None)
    assert kind == "placement"
    assert found == {"one_cpu_us": 20, "two_cpus_us": 6, "repeats_on_one": 1}
    assert "on one CPU in 1 of 3 repeats (p50 20.0 µs), on two in 1 (6.00 µs)" in text
    assert not where.caveats([_placed(6.5, "0", "0"), _placed(6, "0", "1")], None), "within a tenth"
    assert not where.caveats([_placed(20, "0", "0"), _placed(6, "1", "1")], None), "all on one"


def test_page_faults_are_told_where_they_are_a_tenth_of_the_call() -> None:
    few = _placed(100, "", "", client_page_faults_per_call=4, server_page_faults_per_call=5)
    many = _placed(100, "", "", client_page_faults_per_call=25, server_page_faults_per_call="")
    assert not where.caveats([few, few], 1.0)
    assert not where.caveats([many], None), "what a fault costs there is not known"
    ((kind, text, found),) = where.caveats([few, many], 1.0)
    assert (kind, found["page_faults_per_call"], found["repeats"]) == ("page-faults", 25, 1)
    assert text.startswith("25 page faults a call are about 25% of it in 1 of 2 repeats")
    ((_, text, _),) = where.caveats([many], 9.0)
    assert "are about 100% of it" in text, "what a fault costs is an estimate"
