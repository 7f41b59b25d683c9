"""The lines of ``report.md`` that hold numbers: section, form, and which method of ``Page`` says what they must be."""

from __future__ import annotations

from scripts.recompute.shown import form

LEFT_OUT = "[[ Left out: {n} {seconds} of {what}.]]"
POINT = "{ms} at {n} users ({n} {seconds})"
ROW = "| {cell} | {cell} | {cell} | {cell} | {cell} |"

_OF_MANIFEST = (
    ("", "# RouteSwarm report: {text}", "run_id"),
    ("", "> - **Run**: {text}", "run_id"),
    ("", "> - **Stageflow**: {text}", "stageflow"),
    ("", "> - **Started**: {text}", "started"),
    ("Configuration", "| {cell} | {text} |", "configured"),
    ("How to reproduce", "`{text}`", "command"),
    ("How to reproduce", "- at the commit {text}", "commit"),
    ("How to reproduce", "- with the shipped corpus (sha256 {text})", "corpus"),
    ("How to reproduce", "- with the criteria: {text}", "criteria"),
    (
        "How to reproduce",
        (
            "Started as `{text}`; options may also have come from the environment, a configuration file or the web "
            "UI's form."
        ),
        "started_as",
    ),
)
_TABLES = (
    (
        "Key metrics",
        (
            "Steady state, without the warm-up of {n} s: {n} /s, p50 {ms}, p95 {ms}, p99 {ms}. "
            "Criteria on latency, throughput and availability are judged over it."
        ),
        "steady_state",
    ),
    ("Key metrics", "| {cell} | {n} | {n} | {n} |", "status_counts"),
    ("Key metrics", "| {cell} | {cell} |", "key_metric"),
    ("What was run", "| {cell} | {cell} |", "key_metric"),
    (
        "What was run",
        "| {cell} | {cell} at {cell} | {n} s – {n} s | {n} | {ms} | {n} s | {n}, {n} | {cell} |",  # noqa: RUF001
        "fault_row",
    ),
    ("Executive summary", "**{text}**. {text} What decided it: {text}. Exit code {n}.", "summary"),
    ("Hypotheses", ROW, "verdict_row"),
    ("Criteria", ROW, "verdict_row"),
    ("Correctness", ROW, "verdict_row"),
    ("Validity of the run", ROW, "verdict_row"),
    ("Silent failure detection", ROW, "verdict_row"),
    ("Log analysis", "| {cell} | {n} |", "logged"),
    (
        "Load",
        "| {n} | {n} s | {cell} | {n} s | {n} | {n} /s | {ms} | {ms} | {ms} | {n} | not judged |",
        "step",
    ),
    ("Fallbacks", "| {cell} | {n} | {n} | {n} | {n} s | {cell} |", "breaker"),
    ("What was not tested", "- Load beyond {n} concurrent users was not tested.", "most_users"),
    ("What was not tested", "- Never sent, of the priorities of the corpus: {text}.", "never_sent"),
    ("Findings", "### 1. {text} (criterion, FAIL)", "broken_name"),
    ("Findings", "Measured {text}, expected {text}: over {text}.", "broken"),
    (
        "Recommendations",
        (
            "- {text}: See where the time went (target, loop or harness) and what the slowest 1 % waited for, "
            "then the stages' spans."
        ),
        "broken_name",
    ),
)
_SENTENCES = (
    (
        "Correctness",
        "All {n} operations with an expected route were decided for it, whoever served them.",
        "confusion",
    ),
    ("Correctness", "p95 is {ms} at priority {n} and {ms} at priority {n}. {text}", "priorities"),
    (
        "Latency",
        (
            "In nine of ten seconds p95 lay between {ms} and {ms}; it was highest in the second from {n} s on "
            "with {ms} at "
            "{n} users. Not counted: [[{n} {seconds} in which users left and ]]{n} {seconds} cut off by the "
            "run's begin or end."
            "[[ Of the fault windows '{text}' has the highest p95 of a second: {ms}.]]"
        ),
        "over_time",
    ),
    (
        "Latency",
        (
            "p50 {ms}{interval}, p99 {ms}{interval}[[, p99.9 {ms}{interval}]], of {n} operations. "
            "At p99 they tell as much as {n} independent ones."
        ),
        "percentiles",
    ),
    ("Latency", "Most frequent are {ms} to {ms}, of {n} % of the operations. None took ten times as long.", "heat"),
    (
        "Latency",
        (
            "Most frequent are {ms} to {ms}, of {n} % of the operations. "
            "{n} % took over ten times as long, in {n} seconds of the run."
        ),
        "heat",
    ),
    (
        "Latency",
        (
            "The slowest 1 % took {ms} in the mean, {ms} more than the median ones: {signed} ms since other "
            "routes answered "
            "them, {signed} ms since they were slower than the median of their route. {n} % of the difference "
            "went into "
            "'{text}'; it adds the most in {n} % of them."
        ),
        "tail",
    ),
    (
        "Load",
        (
            f"p95 is {POINT} and {POINT}: {{text}}.[[ It is highest between: {POINT}.]] p95 does not cross "
            f"{{n}} ms up to "
            f"{{n}} users.{LEFT_OUT}"
        ),
        "by_users",
    ),
    (
        "Load",
        (
            f"p95 is {POINT} and {POINT}: {{text}}.[[ It is highest between: {POINT}.]] p95 crosses {{n}} ms at "
            f"{{n}} users"
            f"{{interval}}.{LEFT_OUT}"
        ),
        "by_users_crossing",
    ),
    (
        "Load",
        (
            f"Throughput rises from {{n}} /s{{interval}} at {{n}} users to {{n}} /s{{interval}} at {{n}} users."
            f"[[ The saturation point {{text}}.]]{LEFT_OUT}"
        ),
        "throughput",
    ),
    (
        "Load",
        f"p95 is {{ms}} at {{n}} /s and {{ms}} at {{n}} /s.[[ It is highest between: {{ms}} at {{n}} /s.]]{LEFT_OUT}",
        "by_throughput",
    ),
    ("Load", f"The knee {{text}}.{LEFT_OUT}", "knee"),
    ("Load", f"Where the knee {{text}}.{LEFT_OUT}", "knee_untold"),
    ("Load", f"No model: {{text}}.{LEFT_OUT}", "no_model"),
    (
        "Fallbacks",
        "Fallbacks began {text}. They served most in '{text}': {n} %, against {n} % before the first window.",
        "activation",
    ),
    (
        "Where the time went",
        (
            "The response time has a p95 of {ms}; the harness's own lag one of {ms}, queueing in the loop one of {ms}. "
            "Of all response time {n} % was service."
        ),
        "clocks",
    ),
    (
        "Where the time went",
        (
            "In the second from {n} s on, when the p95 of the response time was highest ({ms}), that of the "
            "service time was "
            "{ms}, of queueing in the loop {ms}, of the harness's own lag {ms}."
        ),
        "clocks_over_time",
    ),
)
FORMS = [(section, form(text), name) for section, text, name in (*_OF_MANIFEST, *_TABLES, *_SENTENCES)]
