"""Descriptions that were fetched: what is kept, what is asked for, and what becomes of it when something goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.spec_server import ENTRIES, MODEL, PATH, URN, Service, document, published, serving

from miio_lan.device.description import cache, cached, fetch
from miio_lan.device.description.spec import Spec
from miio_lan.errors import SpecError, SpecUnavailable

LIST, INSTANCE = f"{PATH}/instances?status=all", f"{PATH}/instance?type={URN}"
DAY = 86400.0
DEMO = "miiolan.light.demo1"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MIIO_LAN_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("MIIO_LAN_SPEC_SERVICE", raising=False)
    return tmp_path / "kept" / "descriptions"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with serving() as running:
        yield running


def test_it_is_there_without_the_service(service: Service, folder: Path) -> None:
    found = fetch(MODEL, base=service.base)
    assert (found.version, found.source, found.path) == (2, service.base, folder / f"{MODEL}.json")
    assert (found.spec.model, found.spec.type, found.spec.model_guessed) == (MODEL, URN, False)
    service.answers = {f"{PATH}/instances": lambda _: None, f"{PATH}/instance": lambda _: None}
    assert cached(MODEL) == found.spec
    assert service.asked == [LIST, INSTANCE]
    assert cache.fetched_models() == [MODEL]


def test_what_is_kept_is_a_description_like_any_other(service: Service) -> None:
    path = fetch(MODEL, base=service.base, now=lambda: 1000.7).path
    kept = json.loads(path.read_text())
    assert kept["miio-lan"] == {"version": 2, "status": "released", "from": service.base, "fetched": 1000}
    assert Spec.load(path) == cached(MODEL)
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_the_address_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_SPEC_SERVICE", service.base + "/")
    assert fetch(MODEL).source == service.base


def test_the_list_is_believed_for_a_day(service: Service) -> None:
    for now in (DAY, DAY + 1, 2 * DAY - 1):
        fetch(MODEL, base=service.base, now=lambda now=now: now)
    assert service.asked == [LIST, INSTANCE, INSTANCE, INSTANCE]
    fetch(MODEL, base=service.base, now=lambda: 2 * DAY)
    assert service.asked[4:] == [LIST, INSTANCE]
    fetch(MODEL, base=service.base, now=lambda: DAY)  # the clock was set back
    assert service.asked[6:] == [LIST, INSTANCE]


def test_an_old_list_is_not_believed_that_there_is_no_such_model(service: Service) -> None:
    fetch(MODEL, base=service.base, now=lambda: DAY)
    new, urn = "example.light.new1", URN.replace("demo2", "new1")
    service.entries = (*ENTRIES, (new, urn, 1, "released"))
    service.instances[urn] = published(urn=urn)
    assert fetch(new, base=service.base, now=lambda: DAY + 5).version == 1


def test_another_service_has_another_list(service: Service) -> None:
    fetch(MODEL, base=service.base)
    with serving(Service()) as other:
        fetch(MODEL, base=other.base)
        assert other.asked == [LIST, INSTANCE]


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "{",
        "[]",
        '{"base": 1}',
        '{"models": 5}',
        '{"base": "BASE", "fetched": 1, "models": {"MODEL": [[1]]}}',
        '{"base": "BASE", "fetched": 1%s, "models": {}}' % ("0" * 400),
        '{"base": "BASE", "fetched": -1%s, "models": {}}' % ("0" * 400),
    ],
)
def test_a_damaged_list_is_fetched_anew(service: Service, folder: Path, kept: str) -> None:
    folder.mkdir(parents=True)
    (folder / "instances.list").write_text(kept.replace("BASE", service.base).replace("MODEL", MODEL))
    assert fetch(MODEL, base=service.base, now=lambda: 5.0).version == 2
    assert service.asked == [LIST, INSTANCE]


def test_a_newer_version_takes_the_place_of_the_old_one(service: Service) -> None:
    fetch(MODEL, base=service.base, now=lambda: 0.0)
    third = URN.replace(":2", ":3")
    service.entries = (*ENTRIES, (MODEL, third, 3, "released"))
    service.instances[third] = published(urn=third)
    assert fetch(MODEL, base=service.base, now=lambda: DAY).version == 3
    assert cached(MODEL).type == third


@pytest.mark.parametrize("model", ["../../../etc/passwd", "lamp", "a/b.c.d", "a.b.", "x" * 30 + ".b.c"])
def test_what_is_no_model_is_refused_before_anything_is_done(
    service: Service, folder: Path, model: str
) -> None:
    for call in (
        lambda: fetch(model, base=service.base),
        lambda: cached(model),
        lambda: cache.path_of(model),
    ):
        with pytest.raises(SpecError, match="the model"):
            call()
    assert service.asked == []
    assert not folder.exists()


def test_a_description_that_is_not_here_says_which_command_gets_it(folder: Path) -> None:
    with pytest.raises(SpecUnavailable, match=r"'miio-lan spec fetch a.b.c' gets it .*--spec FILE"):
        cached("a.b.c")


def test_the_own_descriptions_need_not_be_fetched(folder: Path) -> None:
    assert cached(DEMO) == Spec.shipped("lamp")
    real = Spec.shipped("purifier").model  # its own is published, and may say more
    with pytest.raises(SpecUnavailable):
        cached(real)


def test_no_network(folder: Path) -> None:
    with pytest.raises(
        SpecUnavailable, match=r"not reached.* Try again where there is a network, or give .* --spec FILE"
    ):
        fetch(MODEL, base="http://127.0.0.1:1")


HOSTILE: list[object] = [
    b"",
    b"<html>",
    b'{"type": "',
    b"[" * 100_000,
    [],
    {"type": URN},
    {"type": "urn:other", "services": []},
    {"type": URN, "services": []},
    {"type": URN, "services": [1, None, "x"]},
    {"type": URN, "services": [{"iid": 1, "type": "urn:x", "properties": [{"iid": -1}]}]},
    {"type": URN, "services": [{"iid": 10**400, "type": "\ud800", "properties": []}]},
]


@pytest.mark.parametrize("sent", HOSTILE, ids=lambda each: repr(each)[:40])
def test_a_hostile_instance_leaves_what_is_kept(service: Service, sent: object) -> None:
    before = fetch(MODEL, base=service.base).spec
    service.answers[f"{PATH}/instance"] = document(sent)
    with pytest.raises(SpecUnavailable, match=r"; the one that was fetched before stays$"):
        fetch(MODEL, base=service.base)
    assert cached(MODEL) == before


def test_an_instance_cannot_say_that_it_is_another_model(service: Service) -> None:
    service.instances[URN] = {**published(), "model": "../../x", "miio-lan": 5}
    assert fetch(MODEL, base=service.base).spec.model == MODEL


def test_odd_entries_are_told_of_when_it_is_fetched_and_not_again(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    odd = published()
    odd["services"].append({"iid": "x"})
    service.instances[URN] = odd
    assert len(fetch(MODEL, base=service.base).spec.warnings) == 1
    assert "it is left out" in caplog.text
    caplog.clear()
    assert len(cached(MODEL).warnings) == 1
    assert caplog.text == ""


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"[" * 100_000])
def test_a_damaged_file_says_how_to_mend_it(service: Service, content: bytes) -> None:
    path = fetch(MODEL, base=service.base).path
    path.write_bytes(content)
    with pytest.raises(SpecError, match=f"{path}: .*'miio-lan spec fetch {MODEL}' gets it anew"):
        cached(MODEL)
    assert cached(fetch(MODEL, base=service.base).spec.model).type == URN


def test_a_file_of_another_model_is_not_taken_for_it(service: Service, folder: Path) -> None:
    path = fetch(MODEL, base=service.base).path
    path.rename(folder / "Example.light.demo2.json")
    with pytest.raises(SpecUnavailable):
        cached("Example.light.demo2")


def test_a_folder_in_its_place(folder: Path) -> None:
    (folder / "a.b.c.json").mkdir(parents=True)
    with pytest.raises(SpecError, match="cannot be read"):
        cached("a.b.c")


def test_a_cache_that_cannot_be_written_is_told_before_anything_is_fetched(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.parent.write_text("a file where the folder should be")
    with pytest.raises(
        SpecUnavailable, match=r"nothing can be kept there .*MIIO_LAN_CACHE names another folder"
    ):
        fetch(MODEL, base=service.base)
    folder.parent.unlink()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SpecUnavailable, match=r"nothing can be kept there \(not permitted\)"):
        fetch(MODEL, base=service.base)
    assert service.asked == []


def test_a_disk_that_is_full(service: Service, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpecUnavailable, match="No space left on device"):
        fetch(MODEL, base=service.base)
    assert list(folder.iterdir()) == []


CODE = f"from miio_lan.device.description import fetch; print(fetch({MODEL!r}).version)"


def test_two_programs_at_once(service: Service, folder: Path) -> None:
    """Both are at the instance at the same time; both succeed, and one whole file is there afterwards."""
    meeting = threading.Barrier(2, timeout=60)

    def answer(handler: object) -> None:
        meeting.wait()
        document(published())(handler)  # type: ignore[arg-type]

    service.answers[f"{PATH}/instance"] = answer
    variables = {**os.environ, "MIIO_LAN_SPEC_SERVICE": service.base}
    running = [
        subprocess.Popen([sys.executable, "-c", CODE], env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [each.communicate(timeout=100)[0] for each in running] == ["2\n", "2\n"]
    assert cached(MODEL).type == URN
    assert sorted(each.name for each in folder.iterdir()) == [f"{MODEL}.json", "instances.list"]


def test_a_folder_of_other_things_has_no_models(folder: Path) -> None:
    assert cache.fetched_models() == []
    folder.mkdir(parents=True)
    for name in ("instances.list", "x.json", ".a.b.c.json.1234", "a.b.c.json"):
        (folder / name).write_text("")
    assert cache.fetched_models() == ["a.b.c"]


def test_a_description_by_what_people_call_it(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = fetch(MODEL, base=service.base).spec
    (tmp_path / "own.light.json").write_text(json.dumps(published()))
    (tmp_path / "a.b.c").write_text("a file with the name of a model")
    assert cache.find(MODEL) == kept
    assert cache.find("own.light.json").type == URN
    assert cache.find("lamp") == Spec.shipped("lamp")
    wrong = {"a.b.c": "a .json", "no.json": "cannot be read", "no": "lamp, purifier", "no.yaml": "a .json"}
    for name, told in wrong.items():
        with pytest.raises(SpecError, match=told):
            cache.find(name)
    with pytest.raises(SpecUnavailable):
        cache.find("x.y.z")
