"""The probe and the process that it asks: whatever that process does, the answer is a sentence."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edgefuse.core.errors import ModelError
from edgefuse.engines.tensorrt import TensorRtBackend
from edgefuse.engines.tensorrt.child import release
from edgefuse.engines.tensorrt.probe import COMMAND, Answer, Facts, ask

FACTS = {
    "gpu": "NVIDIA Orin", "sm": "8.7", "driver": "12.6", "free": 5 << 30, "l4t": "R36.4.3", "tensorrt": "10.3.0",
    "runtime": "12.6",
}  # fmt: skip
DRIVER = """
#include <string.h>
int cuInit(unsigned f) { return INIT; }
int cuGetErrorName(int e, const char **s) { *s = e == 100 ? "CUDA_ERROR_NO_DEVICE" : 0; return *s ? 0 : 1; }
int cuDriverGetVersion(int *v) { *v = VERSION; return 0; }
int cuDeviceGetCount(int *n) { *n = COUNT; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *s, int n, int d) { strncpy(s, "Stub GPU", n); return 0; }
int cuDeviceGetAttribute(int *v, int what, int d) { *v = what == 75 ? 8 : what == 76 ? 7 : -1; return 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = s0; return 0; }
int cuCtxSetCurrent(void *c) { return c != s0; }
int cuMemGetInfo_v2(size_t *f, size_t *t) { *f = 5000; *t = 8000; return 0; }
"""
Child = Callable[..., Answer]


def here() -> bool:
    return True


def machine(folder: Path, node: str = "dev/nvidia0") -> Path:
    """A root folder that shows an NVIDIA GPU."""
    path = folder / node
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return folder


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Asks a Python script in place of the child."""

    def run(script: str, limit_s: float = 20) -> Answer:
        path = tmp_path / "child.py"
        path.write_text(script, encoding="utf-8")
        return ask([sys.executable, str(path)], limit_s, here, machine(tmp_path))

    return run


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("dev/nvidia0", "tensorrt is not installed; pip install 'edgefuse[tensorrt]'"),
        ("dev/nvgpu/igpu0/ctrl", "tensorrt is not installed; pip install 'edgefuse[tensorrt]'"),
        ("usr/lib/wsl/lib/libcuda.so.1", "tensorrt is not installed; pip install 'edgefuse[tensorrt]'"),
        ("etc/nv_tegra_release", "tensorrt is not installed; .* --system-site-packages, .*'edgefuse[jetson]'"),
        ("dev/dri/renderD128", "no NVIDIA GPU here"),
    ],
)
def test_without_tensorrt_nothing_is_started(tmp_path: Path, node: str, message: str) -> None:
    """Where the library is not installed the answer names the extra for this computer, and no process runs."""
    probe = ask(["/no/such/program"], here=lambda: False, root=machine(tmp_path, node)).probe

    assert not probe.usable
    assert re.fullmatch(message.replace("[", r"\["), probe.reason)


def test_without_nvidia_hardware_nothing_is_advised(tmp_path: Path) -> None:
    """Another maker's GPU is none, whether or not TensorRT is installed; NVIDIA's without a driver is one."""
    vendor = tmp_path / "sys/bus/pci/devices/0000:01:00.0/vendor"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("0x1002\n")
    assert ask(["/no/such/program"], here=here, root=tmp_path).probe.reason == "no NVIDIA GPU here"

    vendor.write_text("0x10de\n")
    assert "/no/such/program" in ask(["/no/such/program"], here=here, root=tmp_path).probe.reason


def test_a_gpu_that_answers_is_usable(child: Child) -> None:
    """The facts that the child prints are the answer, whatever libraries print between them."""
    answer = child(f"print('[TRT] hello'); print({json.dumps(json.dumps({'facts': FACTS}))}); print('bye')")

    assert answer.probe.usable
    assert answer.probe.reason == "TensorRT 10.3.0 on NVIDIA Orin (SM 8.7), CUDA 12.6, Jetson Linux R36.4.3"
    assert answer.facts == Facts(**FACTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", "was killed by SIGSEGV while starting"),
        ("import os\nprint('{\"doing\": \"importing tensorrt\"}', flush=True)\nos.abort()",
         "was killed by SIGABRT while importing tensorrt"),
        ("import time; time.sleep(60)", "did not end within 0.5 s while starting"),
        ("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)", "did not end within 0.5 s"),
        ("import os; os.write(1, bytes(range(256)) * 999)", "printed no answer while starting"),
        ("print('[' * 99999)", "printed no answer"),
        ("print('{\"facts\": {\"gpu\": 1}}')", "printed no answer"),
        ("print('{\"facts\": 7}'); print('{\"doing\": 3}')", "printed no answer while 3"),
        ("", "printed no answer"),
        ("import sys; sys.exit('no luck')", "ended with code 1 while starting: no luck"),
        ("1 / 0", "ended with code 1 while starting: ZeroDivisionError"),
        ("print('{\"missing\": \"no GPU; buy one\"}')", "^no GPU; buy one$"),
    ],
)  # fmt: skip
def test_a_child_that_fails_is_told(child: Child, script: str, message: str) -> None:
    """A child that crashes, hangs, exits or prints rubbish makes the backend unusable, and says what it did."""
    answer = child(script, limit_s=0.5 if "sleep" in script else 20)

    assert answer.facts is None
    assert not answer.probe.usable
    assert re.search(message, answer.probe.reason)


def test_facts_of_a_child_that_crashes_afterwards_do_not_count(child: Child) -> None:
    """A library that crashes when its process ends is not to be trusted."""
    line = json.dumps(json.dumps({"facts": FACTS}))
    answer = child(f"import os\nprint({line}, flush=True)\nos.kill(os.getpid(), 11)")

    assert not answer.probe.usable
    assert "SIGSEGV" in answer.probe.reason


def test_files_of_the_working_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside which the daemon happens to be started does not take the place of an installed one."""
    for name in ("edgefuse.py", "tensorrt.py", "json.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    ask(here=here, root=machine(tmp_path / "root"))

    assert not (tmp_path / "imported").exists()


def test_what_a_child_leaves_behind_blocks_nothing(child: Child) -> None:
    """A grandchild that holds the output open and goes on does not keep the probe from answering."""
    answer = child("import subprocess; subprocess.Popen(['sleep', '3']); print('{\"missing\": \"it\"}')")

    assert answer.probe.reason == "it"


def test_a_child_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    """A program that is not there is an answer."""
    assert "/no/such/program" in ask(["/no/such/program"], here=here, root=machine(tmp_path)).probe.reason


def test_the_answer_is_asked_for_once(tmp_path: Path) -> None:
    """A backend asks once, in its first probe; its fingerprint and its refusals rest on that answer."""
    asked = []

    def answer() -> Answer:
        asked.append(1)
        return ask(["/no/such/program"], here=lambda: False, root=machine(tmp_path))

    backend = TensorRtBackend(tmp_path, answer)
    assert backend.probe() == backend.probe()
    for use in (backend.fingerprint, lambda: backend.load(tmp_path, {})):
        with pytest.raises(ModelError, match=r"TensorRT cannot be used: .*edgefuse\[tensorrt\]"):
            use()
    with pytest.raises(ModelError, match="TensorRT cannot be used"):
        backend.build(tmp_path / "a.onnx", {}, tmp_path / "a.plan", lambda *_: True)
    assert len(asked) == 1


def test_the_fingerprint_is_what_an_engine_depends_on(tmp_path: Path, child: Child) -> None:
    """Versions, device, Jetson Linux and the layer's own number, all text, and nothing that changes by itself."""
    line = json.dumps(json.dumps({"facts": FACTS}))
    backend = TensorRtBackend(tmp_path, lambda: child(f"print({line})"))

    assert backend.fingerprint() == {
        "tensorrt": "10.3.0", "cuda_runtime": "12.6", "cuda_driver": "12.6", "gpu": "NVIDIA Orin", "sm": "8.7",
        "l4t": "R36.4.3", "layer": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n", "R36.4.3"),
        ("# R35 (release), REVISION: 6.0, GCID: 1\n", "R35.6.0"),
        ("", ""),
        ("something else", ""),
    ],
)
def test_jetson_linux_is_read(text: str, version: str) -> None:
    """The version of Jetson Linux is made of release and revision."""
    assert release(text) == version


@pytest.fixture
def driver(tmp_path: Path) -> Callable[..., Mapping[str, str]]:
    """Compiles an NVIDIA driver that answers as told; gives the environment that finds it."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")

    def make(
        init: int = 0, count: int = 1, version: int = 13000, modules: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        (tmp_path / "driver.c").write_text("#include <stddef.h>\n#define s0 ((void *)64)\n" + DRIVER, encoding="utf-8")
        defines = [f"-DINIT={init}", f"-DCOUNT={count}", f"-DVERSION={version}"]
        command = ["gcc", "-shared", "-fPIC", *defines, "-o", "libcuda.so.1", "driver.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        for name, text in (modules or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}

    return make


RUNTIME = """
import enum
class E(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInsufficientDriver = 35
def cudaRuntimeGetVersion(): return E(0), 12090
def cudaSetDevice(device): return E(0),
def cudaMalloc(size): return E(STATUS), 4096
def cudaFree(address): return E(0),
"""
BINDINGS = {"cuda/bindings/__init__.py": "", "cuda/bindings/runtime.py": RUNTIME.replace("STATUS", "0")}
TOO_OLD = {**BINDINGS, "cuda/bindings/runtime.py": RUNTIME.replace("STATUS", "35")}
TENSORRT = """
__version__ = '10.13.3.9'
class ILogger:
    INTERNAL_ERROR, ERROR, WARNING = range(3)
class Runtime:
    def __init__(self, logger):
"""
LIBRARY = {"tensorrt.py": f"{TENSORRT}        pass\n", **BINDINGS}
REFUSES = f"{TENSORRT}        logger.log(ILogger.ERROR, 'CUDA initialization failure'); raise TypeError('nullptr')\n"


@pytest.mark.parametrize(
    ("answers", "modules", "message"),
    [
        ({"init": 100}, {}, r"cuInit gave CUDA_ERROR_NO_DEVICE \(100\)"),
        ({"init": 803}, {}, r"cuInit gave unknown \(803\); see `nvidia-smi`"),
        ({"count": 0}, {}, "the driver sees no GPU"),
        ({}, {"tensorrt.py": "raise ImportError('libnvinfer.so.10')"}, "tensorrt cannot be imported: libnvinfer.so.10"),
        ({}, {"tensorrt.py": "import os; os.kill(os.getpid(), 11)"}, "was killed by SIGSEGV while importing tensorrt"),
        ({}, {"tensorrt.py": "__version__ = '8.6.1'"}, "from 10.3 on and below 12, got 8.6.1"),
        ({}, {"tensorrt.py": "__version__ = '10.2.0.post1'"}, "got 10.2.0.post1"),
        ({}, {"tensorrt.py": "__version__ = '12.0.0'"}, "got 12.0.0"),
        ({}, {"tensorrt.py": LIBRARY["tensorrt.py"], "cuda/bindings/__init__.py": "raise ImportError('none')"},
         "cuda.bindings cannot be imported: none; pip install 'cuda-bindings==13"),
        ({}, {**LIBRARY, **TOO_OLD},
         r"CUDA: cudaMalloc failed: cudaErrorInsufficientDriver \(35\); cuda-bindings is for CUDA 12.9, .* knows 13.0"),
        ({}, {**LIBRARY, "tensorrt.py": REFUSES}, "TensorRT 10.13.3.9 cannot start: CUDA initialization failure"),
        ({"version": 11040}, LIBRARY, "knows CUDA 11.4, cuda-bindings is for 12.9; pip install .cuda-bindings==11"),
    ],
)  # fmt: skip
def test_the_child_says_what_is_missing(driver: Callable[..., Mapping[str, str]], answers: Mapping[str, int],
                                        modules: Mapping[str, str], message: str) -> None:  # fmt: skip
    """A driver without a GPU, a library that fails, and versions that do not fit are told with the next step."""
    answer = asked(driver(**answers, modules=modules))

    assert not answer.probe.usable
    assert re.search(message, answer.probe.reason)


def test_the_child_says_what_there_is(driver: Callable[..., Mapping[str, str]]) -> None:
    """Driver, GPU, TensorRT and CUDA that fit are usable, with their versions."""
    answer = asked(driver(modules=LIBRARY))

    assert answer.probe.usable, answer.probe.reason
    facts = answer.facts
    assert facts is not None
    assert (facts.gpu, facts.sm, facts.driver, facts.runtime) == ("Stub GPU", "8.7", "13.0", "12.9")
    assert (facts.tensorrt, facts.free) == ("10.13.3.9", 5000)


def test_libraries_without_a_driver_are_survived(tmp_path: Path) -> None:
    """Where TensorRT is installed and no driver is, the child says so before it imports a library that would crash."""
    (tmp_path / "tensorrt.py").write_text("import os; os.kill(os.getpid(), 11)", encoding="utf-8")
    (tmp_path / "libcuda.so.1").write_text("no library", encoding="utf-8")
    answer = asked({**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)})

    assert "there is no NVIDIA driver" in answer.probe.reason


def asked(environment: Mapping[str, str]) -> Answer:
    """The real child with another environment."""
    command = ["/usr/bin/env", "-i", *(f"{key}={value}" for key, value in environment.items()), *COMMAND]
    return ask(command, 30, here, machine(Path(environment["PYTHONPATH"])))
