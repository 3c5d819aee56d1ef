"""Every name of TensorRT and CUDA that the package uses exists in every version that it promises to take.

NVIDIA's wheels of bindings alone are imported against a library without functions: enough to look names up.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import edgefuse.engines.tensorrt

PACKAGE = Path(edgefuse.engines.tensorrt.__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "edgefuse/bindings"
TENSORRT = ("10.3.0", "10.13.3.9", "10.16.1.11", "11.4.0.106")
CUDA = ("12.9.1", "13.5.0")
STUB = """
void *createInferBuilder_INTERNAL(void *a, int b) { return 0; }
void *createInferRefitter_INTERNAL(void *a, void *b, int c) { return 0; }
void *createInferRuntime_INTERNAL(void *a, int b) { return 0; }
void *createNvOnnxParserRefitter_INTERNAL(void *a, void *b, int c) { return 0; }
void *createNvOnnxParser_INTERNAL(void *a, void *b, int c) { return 0; }
void *getBuilderPluginRegistry(int a) { return 0; }
int getNvOnnxParserVersion(void) { return 0; }
void *getPluginRegistry(void) { return 0; }
int initLibNvInferPlugins(void *a, const char *b) { return 0; }
"""
LOOK_UP = """
import importlib, json, re, sys
library = importlib.import_module(sys.argv[1])
names, calls, returns = json.load(sys.stdin)
def find(name):
    found = library
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found
def there(name):
    try:
        find(name)
    except AttributeError:
        return False
    return True
def takes(name, positional, keywords):
    found = find(name)
    positional -= name.endswith(".__init__")
    doc = (found.__init__ if isinstance(found, type) else found).__doc__ or ""
    signatures = re.findall(r"\\w+\\((self: .*?)\\) ->", doc)
    for signature in signatures:
        parameters = re.findall(r"(?:^|, )(\\w+): ", signature)[1:]
        required = len(parameters) - len(re.findall(r" = ", signature))
        given = positional + len(keywords)
        if required <= given <= len(parameters) and set(keywords) <= set(parameters[positional:]):
            return True
    return not signatures
def gives(name, wanted):
    found = find(name)
    told = re.findall(r"-> .*?(\\w+)$", found.__doc__ or "", re.M)
    kind = wanted.split(".")[-1]
    return found is find(wanted) if isinstance(found, type) else any(each in (kind, "I" + kind) for each in told)
missing = [name for name in names if not there(name)]
wrong = [entry for entry in calls if there(entry[0]) and not takes(*entry)]
wrong += [entry for entry in returns if there(entry[0]) and not gives(*entry)]
print(json.dumps([library.__version__ if hasattr(library, "__version__") else "", missing, wrong]))
"""
WELL_HIDDEN = {
    "attribute": "trt.MADE_UP",
    "member": "trt.DataType.MADE_UP",
    "method": "builder.made_up()",
    "of self": "self._context.made_up()",
    "assigned attribute": "config.made_up = 1",
    "alias of the library": "lib = trt\nlib.MADE_UP",
    "alias of a class": "kinds = trt.DataType\nkinds.MADE_UP",
    "annotated alias": "kinds: object = trt.DataType\nkinds.MADE_UP",
    "alias under a known name": "engine = trt.DataType\nengine.MADE_UP",
    "unpacked alias": "a, b = 1, trt.DataType\nb.MADE_UP",
    "walrus": "(kinds := trt.DataType).MADE_UP",
    "either": "(builder or trt).MADE_UP",
    "conditional": "(trt if x else y).MADE_UP",
    "subscript": "{'a': trt}['a'].MADE_UP",
    "kept in a dict": "kept = {'a': trt.DataType}\nkept['a'].MADE_UP",
    "stored in a dict": "kept['a'] = trt.DataType",
    "for": "for kinds in (trt.DataType,): kinds.MADE_UP",
    "with": "with trt.Builder(x) as thing: thing.made_up()",
    "comprehension": "[kinds.MADE_UP for kinds in [trt.DataType]]",
    "lambda": "(lambda kinds=trt.DataType: kinds.MADE_UP)()",
    "default": "def f(kinds=trt.DataType): kinds.MADE_UP",
    "keyword default": "def f(*, kinds=trt.DataType): kinds.MADE_UP",
    "parameter": "def f(kinds): kinds.MADE_UP\nf(trt.DataType)",
    "keyword": "def f(kinds): kinds.MADE_UP\nf(kinds=trt.DataType)",
    "result": "trt.Builder(x).made_up()",
    "result of a function": "def f(trt): return trt.Builder(x)\nf(trt).made_up()",
    "result under a name": "def f(trt): return trt.Builder(x)\nbuilt = f(trt)\nbuilt.made_up()",
    "result that is opaque": "serialized = builder.build()\nserialized.made_up()",
    "inherited": "class A(trt.ILogger):\n  def f(self): self.made_up()",
    "nameless base": "class A((trt or 1).ILogger):\n  def f(self): self.made_up()",
    "getattr": "getattr(trt, 'MADE_UP')",
    "vars": "vars(trt)['MADE_UP']",
    "import from": "from tensorrt import MADE_UP",
    "import from below": "from tensorrt.plugin import MADE_UP",
    "import as": "import tensorrt as lib\nlib.MADE_UP",
    "import": "import tensorrt\ntensorrt.MADE_UP",
    "fetched": "lib = tensorrt()\nlib.MADE_UP",
    "CUDA": "self._rt.cudaMadeUp(1)",
    "CUDA as": "from cuda.bindings import runtime as lib\nlib.cudaMadeUp()",
}


@pytest.fixture(scope="module")
def collector() -> Any:
    """The module source_names.py beside this file."""
    spec = importlib.util.spec_from_file_location("source_names", Path(__file__).with_name("source_names.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["source_names"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(collector: Any) -> Any:
    """What the package uses."""
    return collector.collect({path.name: path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py")})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Path, dict[str, str]]]:
    """Unpacks the bindings of a version; gives their folder and an environment that can import them."""

    @cache
    def make(package: str, version: str) -> tuple[Path, dict[str, str]]:
        tag = f"cp3{sys.version_info.minor}-"
        wheels = [wheel for wheel in CACHE.glob(f"{package}-{version}-*.whl") if tag in wheel.name]
        if not wheels:
            pytest.skip(f"no {package} {version} for {tag[:-1]} in {CACHE}: `make setup` fetches what there is")
        if not shutil.which("gcc"):
            pytest.skip("gcc is not installed")
        folder = tmp_path_factory.mktemp("bindings")
        zipfile.ZipFile(wheels[0]).extractall(folder)
        (folder / "stub.c").write_text(STUB, encoding="utf-8")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", "stub.so", "stub.c"], cwd=folder, check=True)
        for binary in folder.glob("tensorrt_bindings/*.so"):
            for name in set(re.findall(rb"libnv\w+\.so\.\d+", binary.read_bytes())):
                shutil.copy(folder / "stub.so", folder / name.decode())
        return folder, {**os.environ, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}

    return make


def look_up(
    where: tuple[Path, dict[str, str]], module: str, prefix: str, found: Any
) -> tuple[str, list[Any], list[Any]]:
    """Version, names that are not there, calls with arguments or results that are not so."""
    mine = [sorted(entry for entry in entries if at(entry) == prefix or at(entry).startswith(f"{prefix}."))
            for entries in (found.names, found.calls, found.returns)]  # fmt: skip
    command = [sys.executable, "-c", LOOK_UP, module]
    done = subprocess.run(
        command, input=json.dumps(mine), capture_output=True, text=True, check=False, env=where[1], cwd=where[0]
    )
    assert done.returncode == 0, done.stderr
    version, missing, wrong = json.loads(done.stdout)
    return version, missing, wrong


def at(entry: Any) -> str:
    return entry if isinstance(entry, str) else entry[0]


@pytest.mark.parametrize("version", TENSORRT)
def test_every_name_exists_in_tensorrt(found: Any, library: Any, version: str) -> None:
    """Each class, method, property and member is there, takes the arguments and gives the classes it is used for."""
    where = library("tensorrt_cu*_bindings", version)

    assert look_up(where, "tensorrt_bindings", "trt", found) == (version, [], [])


@pytest.mark.parametrize("version", CUDA)
def test_every_name_exists_in_cuda(found: Any, library: Any, version: str) -> None:
    """Each function and constant of the runtime is there."""
    where = library("cuda_bindings", version)

    assert look_up(where, "cuda.bindings.runtime", "rt", found)[1] == []


def test_every_name_exists_in_tensorrt_rtx(found: Any, rtx: Any, tmp_path: Path) -> None:
    """What is proved by TensorRT-RTX is written in the names of TensorRT."""
    version, missing, wrong = look_up((tmp_path, dict(os.environ)), "tensorrt_rtx", "trt", found)

    assert (version, missing, wrong) == (rtx.__version__, [], [])


def test_nothing_hides_a_name(found: Any) -> None:
    """In the package every object of a library goes by a name that tells its class."""
    assert found.violations == []
    assert len(found.names) > 60


@pytest.mark.parametrize("how", WELL_HIDDEN)
def test_a_made_up_name_is_found(collector: Any, how: str) -> None:
    """A name that no library has is collected, or what hides it is a violation, however it is reached."""
    found = collector.collect({"hidden.py": WELL_HIDDEN[how]})

    assert found.violations or any("made_up" in name.lower() or "madeup" in name.lower() for name in found.names)


@pytest.mark.parametrize("version", TENSORRT)
def test_the_look_up_finds_what_is_wrong(collector: Any, library: Any, version: str) -> None:
    """Made-up members, too many arguments, an unknown keyword and a result of another class are told."""
    source = """
trt.DataType.MADE_UP
builder.made_up()
builder.create_network(0, 1, 2)
config.set_timing_cache(cache, made_up=True)
engine = builder.create_network(0)
"""
    where = library("tensorrt_cu*_bindings", version)
    _, missing, wrong = look_up(where, "tensorrt_bindings", "trt", collector.collect({"wrong.py": source}))

    assert missing == ["trt.Builder.made_up", "trt.DataType.MADE_UP"]
    assert wrong == [
        ["trt.Builder.create_network", 3, []],
        ["trt.IBuilderConfig.set_timing_cache", 1, ["made_up"]],
        ["trt.Builder.create_network", "trt.ICudaEngine"],
    ]
