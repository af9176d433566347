"""After the run, says what each lesson took: processor seconds on one thread, and peak memory."""


def pytest_terminal_summary(terminalreporter):
    costs = [
        (report.nodeid.rpartition("[")[2].rstrip("]"), dict(report.user_properties)["cost"])
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if "cost" in dict(report.user_properties) and report.when == "call"
    ]
    for name, cost in sorted(costs):
        terminalreporter.write_line(f"{name:<40} {cost}")
