from __future__ import annotations

from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say what came of each reader's inputs."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = sorted(text for each in reports for name, text in each.user_properties if name == "fuzzed")
    for line in lines:
        terminalreporter.write_line(line)
