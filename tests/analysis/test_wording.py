from __future__ import annotations

import pytest

from analysis import load_run, statistics, wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"), (float("nan"), "—"), (float("inf"), "—"), (0, "0"), (0.0, "0"), (1234567, "1,234,567"),
        (0.223, "0.223"), (0.00123456, "0.00123"), (84.49, "84.5"), (1234.56, "1,235"), (12.0, "12"), (-2.5, "-2.50"),
    ],
)  # fmt: skip
def test_numbers_are_shown_with_three_significant_digits(value: float | None, text: str) -> None:
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "—"), (True, "True"), ("< 500 ms", "< 500 ms"), (41.5, "41.5"), (1e6, "1e+06"), (12345, "12,345"),
        (float("nan"), "nan"), ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}'), ([1, 2], "[1, 2]"),
    ],
)  # fmt: skip
def test_values_of_documents_are_shown_as_text(found: object, text: str) -> None:
    assert wording.value(found) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\x00\n\x7f", "a\\x00\\n\\x7f"),
        ("\u202ex", "\\u202ex"),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert wording.visible(text) == shown


@pytest.fixture(name="readings")
def readings_fixture(make_run):
    def readings(rows) -> tuple[str, str]:
        series = load_run(make_run(rows)).series
        return (
            wording.reading_over_time(statistics.latency_over_time(series)),
            wording.reading_by_users(statistics.latency_by_users(series)),
        )

    return readings


def test_readings_of_nothing_say_so(readings, row) -> None:
    assert readings([]) == (
        "No data: no operation ended ok.",
        "No data: no number of users had 20 operations that ended ok.",
    )
    assert readings([row(0, [5], outcome="failed")])[0].startswith("No data")


def test_one_second_is_read_as_one(readings, row, with_ends) -> None:
    over_time, by_users = readings(with_ends([row(0, [1_000] * 30, users=100)]))

    assert over_time == (
        "One second was recorded: p50 1 ms, p95 1 ms, p99 1 ms. "
        "Not counted: 2 seconds cut off by the run's begin or end."
    )
    assert by_users.startswith("Only one load was measured: p95 is 1 ms at 100 users (1 second).")


def test_readings_name_the_slowest_second_and_stalls(readings, row) -> None:
    rows = [row(s, [1_000] * 3, users=1) for s in range(100) if s not in (40, 41)] + [row(7, [1_500] * 9, users=1)]

    over_time, _ = readings(rows)

    assert over_time == (
        "In nine of ten seconds p95 lay between 1 ms and 1 ms; it was highest in the second from 7.0 s on "
        "with 1.50 ms at 1 user. "
        "In 2 seconds none ended ok. Not counted: 2 seconds cut off by the run's begin or end."
    )


@pytest.mark.parametrize(
    ("latency", "times"),
    [
        (2.1, "2.1 times as much"),
        (1.5, "50 % more"),
        (1.04, "about the same"),
        (0.97, "about the same"),
        (0.8, "20 % less"),
    ],
)
def test_growth_is_said_as_a_reader_would(readings, row, with_ends, latency: float, times: str) -> None:
    _, by_users = readings(
        with_ends([row(0, [100_000] * 20, users=10), row(1, [round(100_000 * latency)] * 20, users=20)])
    )

    assert by_users.endswith(f"at 20 users (1 second): {times}.")


def test_bins_are_read_as_ranges(readings, row, with_ends) -> None:
    _, by_users = readings(with_ends([row(n, [1_000 + n] * 20, users=n) for n in range(1, 101)]))

    assert by_users == (
        "p95 is 1.00 ms at 1 to 4 users (4 seconds) and 1.10 ms at 97 to 100 users (4 seconds): 10 % more."
    )


def test_unmeasured_users_are_not_mentioned(readings, row) -> None:
    over_time, by_users = readings([row(s, [1_000] * 30, users=None) for s in range(3)])

    assert "user" not in over_time
    assert by_users.startswith("No data")


def test_the_wind_down_is_not_read_as_load(readings, row) -> None:
    rows = [row(s, [1_000] * 30, users=20) for s in range(5)] + [row(5, [9_000] * 20, users=1)]

    over_time, by_users = readings(rows)

    assert over_time.endswith(
        "highest in the second from 1.0 s on with 1 ms at 20 users. "
        "Not counted: 1 second in which users left and 1 second cut off "
        "by the run's begin or end."
    )
    assert by_users.startswith("Only one load was measured: p95 is 1 ms at 20 users (4 seconds).")


@pytest.fixture(name="clock_readings")
def clock_readings_fixture(make_run):
    def readings(rows) -> tuple[str, str]:
        series = load_run(make_run(rows)).series
        return (
            wording.reading_clocks(statistics.clocks(series)),
            wording.reading_clocks_over_time(statistics.clocks_over_time(series)),
        )

    return readings


def test_whose_time_it_was_is_said_from_the_data(clock_readings, row) -> None:
    waits = {"service": [700] * 30, "queue": [250] * 30, "lag": [100] * 30}
    slow = {"service": [1_100] * 30, "queue": [850] * 30, "lag": [50] * 30}
    whole, worst = clock_readings(
        [row(s, [1_000] * 30, clocks=waits) for s in range(40)]
        + [row(40, [2_000] * 30, clocks=slow), row(41, [9_000], clocks=waits)]
    )
    assert whole == (
        "The response time has a p95 of 1.00 ms; the harness's own lag one of 0.100 ms, queueing in the loop one of "
        "0.250 ms. Of all response time 70.4 % was service."
    )
    assert worst == (
        "In the second from 40.0 s on, when the p95 of the response time was highest (2 ms), that of the service time "
        "was 1.10 ms, of queueing in the loop 0.850 ms, of the harness's own lag 0.0505 ms."
    )


def test_readings_of_clocks_that_were_not_measured_say_so(clock_readings, row) -> None:
    assert clock_readings([])[0] == "No data: no operation ended ok."
    assert clock_readings([])[1].startswith("No data")
    whole, worst = clock_readings([row(0, [1_000] * 30, clocks={"service": [], "queue": [], "lag": [10] * 30})])
    assert whole.endswith("queueing in the loop one of —.")
    assert "that of the service time was —" in worst
