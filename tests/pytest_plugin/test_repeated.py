"""A test that is repeated, as plugins do with one that failed: each attempt tells of itself alone."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

REPEAT = """
    import pytest
    from _pytest.runner import runtestprotocol

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        \"\"\"As pytest-rerunfailures does.\"\"\"
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for _ in range(3):
            item._initrequest()
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
"""

ATTEMPTS = """
    attempts = []

    def test_it(miio_bench):
        attempts.append(1)
        if len(attempts) == 1:
            miio_bench.device.write(2, 2, 33)
            assert False
        miio_bench.device.read(2, 1)
        assert len(attempts) != 2
"""


def test_each_attempt_tells_of_itself(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(REPEAT)
    pytester.makepyfile(ATTEMPTS)
    told: list[pytest.TestReport] = []

    class Told:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call":
                told.append(report)

    options = ("-p", "no:randomly", "-p", "no:cacheprovider", "--miio-virtual", "--miio-logs=logs")
    pytester.inline_run(*options, "--junitxml=report.xml", plugins=[Told()])
    commands = [[text for title, text in each.sections if title == "miio commands"] for each in told]
    assert [len(each) for each in commands] == [1, 1, 1]
    assert [each[0].partition(":")[0] for each in commands] == [
        "set_properties",
        "get_properties",
        "get_properties",
    ]
    kept = [[key for key, _ in each.user_properties] for each in told]
    assert kept == [["miio_recording", "miio_log"], ["miio_recording", "miio_log"], ["miio_log"]]
    assert len(list(ET.parse("report.xml").iter("system-out"))) > 0
