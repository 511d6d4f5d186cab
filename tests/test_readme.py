"""What the README shows can be done as it shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from miio_lan.cli.program import program
from miio_lan.virtual.product import VirtualProduct

README = Path(__file__).parents[1] / "README.md"


def blocks(kind: str) -> list[str]:
    return re.findall(
        rf"^```{kind}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("name", ["demo", "test"])
def test_each_command_is_one_line(name):
    text = README.read_text(encoding="utf-8")
    (block,) = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block.count("\n") == 1
    assert block.startswith("python3 -m venv .venv && ")


def test_the_tour_runs(fresh_python):
    tour, *_ = blocks("python")
    model, switched_on, refusal = fresh_python(tour).splitlines()
    assert model.count(".") == 2
    assert "'code': 0" in switched_on
    assert refusal.startswith("-")


def test_many_devices_are_asked(fresh_python, pytester, monkeypatch):
    _, many, _ = blocks("python")
    with VirtualProduct(mcu_options={"poll_interval": 0.002}) as lamp:
        entry = {"ip": lamp.host, "token": lamp.token, "port": lamp.port}
        path = pytester.path / "devices.json"
        path.write_text(json.dumps({"lamp": entry, "other": entry}))
        path.chmod(0o600)
        monkeypatch.setenv("MIIO_LAN_DEVICES", str(path))
        assert sorted(fresh_python(many).splitlines()) == ["lamp True", "other True"]


def shell(name: str) -> str:
    found = re.findall(
        rf"^<!-- shell: {name} -->\n```sh\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return "".join(found)


def test_the_tour_runs_in_a_shell(tmp_path):
    """With nothing on the PATH but what the environment brings."""
    if not (Path(sys.prefix) / "bin" / "activate").is_file():
        pytest.skip("the tests do not run in a virtual environment")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    start, client = shell("product"), shell("client")
    (token,) = re.findall(r"--token (\w+)", start)
    assert start.splitlines()[0] == client.splitlines()[0] == ". .venv/bin/activate"
    with VirtualProduct(token=token) as lamp:
        variables = {"PATH": os.defpath, "HOME": str(tmp_path), "MIIO_LAN_PORT": str(lamp.port)}
        variables["OSTYPE"] = ""  # "activate" of Python 3.12 looks at it, and not every shell has it
        ran = subprocess.run(
            ["sh", "-euc", client], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "miiolan.light.demo1" in ran.stdout
    assert "\ntrue\nok\n[" in ran.stdout


def test_the_end_to_end_test_passes(pytester):
    *_, test = blocks("python")
    pytester.makepyfile(test)
    pytester.runpytest_inprocess("-p", "no:randomly", "--miio-virtual").assert_outcomes(passed=1)


def test_links_to_files_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).is_file()] == []


def test_a_source_distribution_has_what_the_readme_names():
    """setuptools takes the package, README and licence by itself, and of the tests only what is called test_*.py."""
    manifest = (README.parent / "MANIFEST.in").read_text(encoding="utf-8")
    taken = {
        word
        for line in re.findall(r"^(?:include|graft) (.+)$", manifest, re.MULTILINE)
        for word in line.split()
    }
    links = re.findall(r"\]\(([^)#:]+)", README.read_text(encoding="utf-8"))
    named = {Path(link).parts[0] for link in links} | {"tests", "benchmarks", ".ci"}
    assert named - {"LICENSE"} <= taken
    assert [each for each in taken if not (README.parent / each).exists()] == []


CHINESE = README.with_name("README.zh-CN.md").read_text(encoding="utf-8")


def test_the_chinese_page_has_the_same_two_commands():
    text = README.read_text(encoding="utf-8")
    ours = re.findall(r"^<!-- command: \w+ -->\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^```sh\n(.*?)^```$", CHINESE, re.MULTILINE | re.DOTALL)[:2] == ours


def test_the_chinese_page_names_commands_and_pages_that_exist():
    words = {
        line.split()[-1 if line.startswith("--") else 0] for line in re.findall(r"`miio-lan (.*?)`", CHINESE)
    }
    assert len(words) > 10
    assert words <= set(program.members)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", CHINESE):
        assert (README.parent / link).is_file(), link
