"""A skipped test hides something that set-up should have brought: in `make test` it is a failure."""
import os


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and exitstatus == 0 and os.environ.get("FERRY_NO_SKIP"):
        reporter.write_line(f"{len(skipped)} skipped: run tools/setup", red=True)
        session.exitstatus = 1
