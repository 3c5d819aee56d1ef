"""Engines at work on a device that is none: NVIDIA's own bindings check every call before the fake answers it."""

import gc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.core.errors import ModelError, NoRoomError
from edgefuse.engines.tensorrt.backend import workspace
from edgefuse.engines.tensorrt.cuda import Cuda
from edgefuse.engines.tensorrt.log import listening
from edgefuse.engines.tensorrt.runtime import Plan, TensorRtModel

Load = Callable[..., TensorRtModel]
PATH = Path("double.plan")
FIXED, FREE = (2, 3), (-1, 3)
BOUNDS = ((1, 3), (2, 3), (4, 3))


def twice(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"y": arrays["x"] + arrays["x"]}


def same(shapes: Mapping[str, tuple[int, ...]], _values: Any) -> Mapping[str, tuple[int, ...]]:
    return {"y": shapes["x"]}


@pytest.fixture
def double(rtx: Any, device: Any, fakes: Any) -> Callable[..., Any]:
    """Makes an engine: y = x + x."""

    def make(shape: tuple[int, ...] = FIXED, kind: str = "FLOAT", bounds: Any = BOUNDS, sizes: Any = same) -> Any:
        ios = [fakes.Io("x", "INPUT", shape, kind, bounds), fakes.Io("y", "OUTPUT", shape, kind)]
        return fakes.Engine(rtx, device, ios, twice, sizes)

    return make


@pytest.fixture
def load(rtx: Any, device: Any, fakes: Any) -> Load:
    """Loads an engine onto the device."""

    def make(engine: Any, card: Mapping[str, Any] | None = None, content: bytes = b"engine") -> TensorRtModel:
        plan = Plan(PATH, content, card or {}, "NVIDIA Orin (SM 8.7)")
        return TensorRtModel(fakes.Library(rtx, engine), Cuda(device), plan)

    return make


def floats(*shape: int) -> Any:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_the_fakes_have_no_method_that_tensorrt_lacks(rtx: Any, fakes: Any) -> None:
    """Every method which the fakes are called by exists in TensorRT's classes."""
    pairs = [
        (fakes.Engine, rtx.ICudaEngine),
        (fakes.ExecutionContext, rtx.IExecutionContext),
        (fakes.Runtime, rtx.Runtime),
    ]
    own = {"io", "work", "unknown", "shape_of", "values", "array"}
    missing = [
        f"{real.__name__}.{name}"
        for fake, real in pairs
        for name in set(vars(fake)) - own - set(getattr(fake, "__dataclass_fields__", ()))
        if not name.startswith("_") and not hasattr(real, name)
    ]
    assert missing == []


def test_a_fixed_engine_is_warmed_up_and_captured_once(load: Load, double: Any, device: Any) -> None:
    """Loading allocates, runs once plainly, records the run as a graph and launches that."""
    load(double())

    assert device.calls == [
        "cudaSetDevice", "deserialize_cuda_engine", "cudaStreamCreateWithFlags", "create_execution_context",
        "cudaMallocHost", "cudaMalloc", "set_tensor_address", "infer_shapes",
        "cudaMallocHost", "cudaMalloc", "set_tensor_address",
        "cudaMemcpyAsync", "execute_async_v3", "cudaMemcpyAsync", "cudaStreamSynchronize",
        "cudaStreamBeginCapture", "cudaMemcpyAsync", "execute_async_v3", "cudaMemcpyAsync", "cudaStreamEndCapture",
        "cudaGraphInstantiate", "cudaGraphDestroy", "cudaGraphLaunch", "cudaStreamSynchronize",
    ]  # fmt: skip


def test_a_fixed_engine_runs_by_its_graph(load: Load, double: Any, device: Any) -> None:
    """A run copies in, launches, waits, and gives arrays that later runs leave alone."""
    model = load(double())
    device.calls.clear()
    first = model.run({"x": floats(2, 3)})
    assert device.calls == ["cudaSetDevice", "cudaGraphLaunch", "cudaStreamSynchronize"]

    again = model.run({"x": np.full((2, 3), 5, np.float32)})
    np.testing.assert_array_equal(first["y"], 2 * floats(2, 3))
    np.testing.assert_array_equal(again["y"], np.full((2, 3), 10))
    assert model.runs_on == "tensorrt 10.13.3 NVIDIA Orin (SM 8.7)"
    assert (model.inputs, model.outputs) == ({"x": (2, 3)}, {"y": (2, 3)})


def test_results_outlive_the_model(load: Load, double: Any) -> None:
    """Arrays that a run gave can be read after the model is closed."""
    model = load(double())
    got = model.run({"x": floats(2, 3)})
    model.close()

    np.testing.assert_array_equal(got["y"], 2 * floats(2, 3))


def test_free_sizes_run_within_the_profile(load: Load, double: Any, device: Any) -> None:
    """Each batch within the profile gives its own sizes, without a graph; the shape is told only when it is another."""
    model = load(double(FREE))
    assert model.inputs == {"x": (None, 3)}
    told = []
    for batch in (4, 1, 1, 3):
        device.calls.clear()
        np.testing.assert_array_equal(model.run({"x": floats(batch, 3)})["y"], 2 * floats(batch, 3))
        told.append("set_input_shape" in device.calls)
        assert device.calls[-4:] == ["cudaMemcpyAsync", "execute_async_v3", "cudaMemcpyAsync", "cudaStreamSynchronize"]

    assert told == [False, True, False, True]


@pytest.mark.parametrize("batch", [0, 5])
def test_a_size_outside_the_profile_is_a_value_error(load: Load, double: Any, batch: int) -> None:
    """It names the input, the bounds and what came, and the model works on."""
    model = load(double(FREE))
    with pytest.raises(ValueError, match=rf"'x': expected a shape from \(1, 3\) to \(4, 3\), got \({batch}, 3\)"):
        model.run({"x": floats(batch, 3)})

    np.testing.assert_array_equal(model.run({"x": floats(1, 3)})["y"], 2 * floats(1, 3))


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({}, r"double.plan: expected inputs \['x'\], got \[\]"),
        ({"z": floats(2, 3)}, r"expected inputs \['x'\], got \['z'\]"),
        ({"x": np.ones((2, 3))}, r"'x': expected float32 \(2, 3\), got float64 \(2, 3\)"),
        ({"x": floats(3)}, r"got float32 \(3,\)"),
        ({"x": floats(2, 4)}, r"got float32 \(2, 4\)"),
    ],
)
def test_a_wrong_feed_is_a_value_error(load: Load, double: Any, feed: dict[str, Any], message: str) -> None:
    """A missing, unknown or misshapen input is named with what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        load(double()).run(feed)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("HALF", "f2"), ("INT64", "i8"), ("INT32", "i4"), ("INT8", "i1"), ("UINT8", "u1"), ("BOOL", "?")],
)
def test_every_type_of_tensor_arrives(load: Load, double: Any, kind: str, dtype: str) -> None:
    """A tensor of each type is fed and comes back with its type, from memory in any order."""
    x = np.array([[0, 1], [1, 0], [1, 1]], dtype).T
    got = load(double((2, 3), kind)).run({"x": x})["y"]

    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, x + x)


def test_a_type_that_numpy_lacks_is_told(load: Load, double: Any, device: Any) -> None:
    """A tensor of bfloat16 is an error that names it, and nothing stays allocated."""
    with pytest.raises(ModelError, match=r"double.plan: tensor 'x' is of type BF16"):
        load(double(kind="BF16"))
    assert device.live == {}


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_scalars_and_empty_tensors_run(load: Load, double: Any, shape: tuple[int, ...]) -> None:
    """A tensor without dimensions and one without elements are fed and come back."""
    x = np.full(shape, 3, np.float32)

    np.testing.assert_array_equal(load(double(shape)).run({"x": x})["y"], x + x)


def test_an_empty_batch_within_the_profile_runs(load: Load, double: Any) -> None:
    """A batch of 0 that the profile takes gives an empty result."""
    model = load(double(FREE, bounds=((0, 3), (1, 3), (4, 3))))

    assert model.run({"x": floats(0, 3)})["y"].shape == (0, 3)


def test_the_example_fits(load: Load, double: Any) -> None:
    """The example follows the card, else it has the least sizes that the profile takes, and 1 rather than 0."""
    free = double(FREE, bounds=((2, 3), (2, 3), (4, 3)))
    card = {"inputs": {"x": {"shape": [4, 3], "value": 7}}}

    np.testing.assert_array_equal(load(free).example()["x"], np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(load(free, card).example()["x"], np.full((4, 3), 7, np.float32))
    assert load(double(FREE, bounds=((0, 3), (1, 3), (4, 3)))).example()["x"].shape == (1, 3)


@pytest.fixture
def tiled(rtx: Any, device: Any, fakes: Any) -> Any:
    """An engine with an input of sizes on the host: y of the shape s, filled with x."""
    ios = [
        fakes.Io("x", "INPUT", (), "FLOAT"),
        fakes.Io("s", "INPUT", (2,), "INT64", ((1, 1), (2, 2), (50, 50)), "HOST"),
        fakes.Io("y", "OUTPUT", (-1, -1), "FLOAT"),
    ]
    return fakes.Engine(
        rtx, device, ios, lambda arrays: {"y": arrays["x"]}, lambda _, values: {"y": tuple(values["s"].tolist())}
    )


def test_sizes_that_are_values_are_followed(load: Load, tiled: Any, device: Any) -> None:
    """An input on the host decides the output's size in each run; room grows when it must, and all is freed."""
    model = load(tiled)
    assert model.outputs == {"y": (None, None)}
    for sizes in ([2, 3], [50, 40], [1, 1]):
        got = model.run({"x": np.float32(4).reshape(()), "s": np.array(sizes)})["y"]
        np.testing.assert_array_equal(got, np.full(sizes, 4))

    np.testing.assert_array_equal(model.example()["s"], [1, 1])
    with pytest.raises(ValueError, match=r"'s': expected values from \(1, 1\) to \(50, 50\), got \(1, 51\)"):
        model.run({"x": np.float32(4).reshape(()), "s": np.array([1, 51])})
    model.close()
    assert device.live == {}


def test_an_output_that_is_greater_for_a_smaller_input_has_room(load: Load, double: Any) -> None:
    """Room is that of the greatest input at first, and grows for an output that shrinks with its input."""
    engine = double(FREE, sizes=lambda shapes, _: {"y": (12 // shapes["x"][0], 3)})
    engine.compute = lambda arrays: {"y": np.full((12 // len(arrays["x"]), 3), 9)}
    model = load(engine)

    assert [model.run({"x": floats(batch, 3)})["y"].shape for batch in (4, 1, 3)] == [(3, 3), (12, 3), (4, 3)]


def test_room_that_could_not_be_had_is_asked_for_again(load: Load, tiled: Any, device: Any) -> None:
    """A run for which the device has no memory is an error; the next one, once there is some, gives its numbers."""
    model = load(tiled)
    feed = {"x": np.float32(4).reshape(()), "s": np.array([3, 2])}
    device.restart()
    model.run({**feed, "s": np.array([1, 1])})
    number = device.calls.index("cudaMalloc")
    device.restart(number + 2)  # the run before has room to give back: pinned and on the device
    with pytest.raises(ModelError, match=r"CUDA: cudaMalloc failed: cudaErrorMemoryAllocation"):
        model.run(feed)

    device.restart()
    np.testing.assert_array_equal(model.run(feed)["y"], np.full((3, 2), 4))


def test_sizes_that_depend_on_the_data_are_refused(load: Load, double: Any, device: Any) -> None:
    """An output whose size is known only afterwards is an error when the engine is loaded."""
    with pytest.raises(ModelError, match="the size of output 'y' depends on the data"):
        load(double(sizes=lambda *_: {"y": (-1, 3)}))
    assert device.live == {}


def test_what_is_no_engine_is_told(load: Load, double: Any, device: Any) -> None:
    """A file that the library refuses is an error with its path, the library's reason and the next step."""
    with pytest.raises(ModelError, match=r"double.plan: .*does not take this engine: magic tag .*; build it again"):
        load(double(), content=b"noise")
    assert device.live == {}


def test_tensorrt_without_a_driver_is_told(rtx: Any, device: Any, built: Any, workshop: Any) -> None:
    """NVIDIA's real runtime refuses a real engine where there is no driver, and the error quotes it."""
    plan = Plan(PATH, built(workshop.conv()), {}, "no device")
    with pytest.raises(ModelError, match="cudaError 35"):
        TensorRtModel(rtx, Cuda(device), plan)
    assert device.live == {}


def test_cuda_without_a_driver_is_told(double: Any, fakes: Any, rtx: Any, device: Any) -> None:
    """The name of CUDA's own failure is in the error."""
    with pytest.raises(ModelError, match=r"CUDA: cudaSetDevice failed: cudaErrorInsufficientDriver \(35\)"):
        TensorRtModel(fakes.Library(rtx, double()), Cuda(device.real), Plan(PATH, b"engine", {}, ""))


def test_closing_frees_everything_once(load: Load, double: Any, device: Any) -> None:
    """Closing gives all back, graph first and stream last; closing again does nothing; running says so."""
    model = load(double())
    device.calls.clear()
    model.close()
    model.close()

    assert device.live == {}
    freed = [name for name in device.calls if name != "cudaSetDevice"]
    assert (freed[0], freed[1], freed[-1], len(freed)) == (
        "cudaStreamSynchronize", "cudaGraphExecDestroy", "cudaStreamDestroy", 8,
    )  # fmt: skip
    with pytest.raises(ValueError, match="the model is closed"):
        model.run({"x": floats(2, 3)})


def life(load: Load, engine: Any, feed: Mapping[str, Any]) -> str:
    """Load, run twice and close; what ran it, or what went wrong."""
    model = None
    try:
        model = load(engine)
        model.run(feed)
        model.run(feed)
    except (ModelError, ValueError) as error:
        return f"{'ValueError' if isinstance(error, ValueError) else 'ModelError'}: {error}"
    else:
        return model.runs_on
    finally:
        engine.device.calls.append("close")
        if model is not None:
            try:
                model.close()
            finally:
                model.close()


@pytest.mark.parametrize("which", ["fixed", "free", "values"])
def test_no_failure_leaks(load: Load, double: Any, tiled: Any, device: Any, which: str) -> None:
    """Whichever call of CUDA or TensorRT fails, in loading, running or closing: an error says it, all is freed once.

    A failure of the graph alone is no error: the model runs without one, and says so.
    """
    engine = {"fixed": double(), "free": double(FREE), "values": tiled}[which]
    feed = {"x": np.float32(1).reshape(()), "s": np.array([2, 5])} if which == "values" else {"x": floats(2, 3)}
    assert life(load, engine, feed) == "tensorrt 10.13.3 NVIDIA Orin (SM 8.7)"
    names = list(device.calls)
    only_tried = {"cudaSetDevice", "cudaStreamSynchronize"}
    for number, name in enumerate(names):
        device.restart(number)
        try:
            said = life(load, engine, feed)
        except ModelError as error:  # closing failed
            said = f"ModelError: {error}"
        assert device.live == {}, f"{name}, call {number}, left {device.live}"
        quiet = number >= names.index("close") and name in {*only_tried, "close"}
        told = ("ModelError: ", "ValueError: ")[name == "infer_shapes" and which == "values"]
        assert quiet or said.startswith(told) or "without a CUDA graph: " in said, f"{name}, call {number}: {said}"


@pytest.mark.parametrize(
    "name", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch"]
)
def test_a_graph_that_cannot_be_had_is_said(load: Load, double: Any, device: Any, name: str) -> None:
    """Without a graph the engine runs call by call, gives the same, and `runs_on` says why."""
    load(double())
    number = device.calls.index(name)
    device.restart(number)
    model = load(double())
    device.calls.clear()

    assert f"without a CUDA graph: CUDA: {name} failed: cudaErrorMemoryAllocation" in model.runs_on
    np.testing.assert_array_equal(model.run({"x": floats(2, 3)})["y"], 2 * floats(2, 3))
    assert "execute_async_v3" in device.calls


def test_another_thread_may_run_it(load: Load, double: Any, device: Any) -> None:
    """A model that one thread loaded runs in another one, which takes the device for itself first."""
    model = load(double())
    device.calls.clear()
    with ThreadPoolExecutor(1) as executor:
        got = executor.submit(model.run, {"x": floats(2, 3)}).result()

    np.testing.assert_array_equal(got["y"], 2 * floats(2, 3))
    assert device.calls[0] == "cudaSetDevice"


def test_two_threads_at_once_are_told(load: Load, double: Any) -> None:
    """A run while another one is under way is a RuntimeError, and the first one finishes."""
    engine = double(FREE)
    inside, go_on = threading.Event(), threading.Event()
    model = load(engine)

    def slowly(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        inside.set()
        go_on.wait(30)
        return twice(arrays)

    engine.compute = slowly
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(model.run, {"x": floats(2, 3)})
        inside.wait(30)
        with pytest.raises(RuntimeError, match="two threads use one model"):
            model.run({"x": floats(2, 3)})
        go_on.set()
        np.testing.assert_array_equal(first.result()["y"], 2 * floats(2, 3))


@pytest.mark.parametrize(("integrated", "half"), [(0, 1 << 29), (1, 3 << 29)])
def test_a_build_may_use_half_of_what_is_free(device: Any, integrated: int, half: int) -> None:
    """Where the device has no memory of its own, what the page cache gives back counts as free."""
    device.integrated = integrated

    assert workspace(Cuda(device), lambda: 3 << 30) == half


def test_want_of_memory_is_told_apart(load: Load, tiled: Any, double: Any, device: Any) -> None:
    """A device without room is no fault of the engine: NoRoomError; what the library refuses is any ModelError."""
    device.restart(4)
    with pytest.raises(NoRoomError, match=r"cudaMallocHost failed: cudaErrorMemoryAllocation"):
        load(tiled)
    device.restart()
    with pytest.raises(ModelError) as caught:
        load(double(), content=b"noise")
    assert not isinstance(caught.value, NoRoomError)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "[virtualMemoryBuffer.cpp::resizePhysical::160] Error Code 2: OutOfMemory (no further information)",
            NoRoomError,
        ),
        ("Error Code 1: Cuda Runtime (out of memory)", NoRoomError),
        ("Requested amount of GPU memory (4294967296 bytes) could not be allocated.", NoRoomError),
        ("Could not find any implementation for node c due to insufficient workspace.", NoRoomError),
        ("Error Code 4: Internal Error (x: kernel weights has count 3 but 4 was expected)", ModelError),
    ],
)
def test_what_the_library_says_of_memory_is_understood(rtx: Any, said: str, kind: type[ModelError]) -> None:
    """Its words for want of memory, as error or as warning, make the failure one that may pass."""
    with listening(rtx) as heard:
        heard.logger.log(rtx.ILogger.ERROR, "it failed")
        heard.logger.log(rtx.ILogger.WARNING, said)

    assert type(heard.failure("no engine")) is kind


@pytest.mark.parametrize("broken", [False, True])
def test_what_a_broken_device_holds_is_not_destroyed(load: Load, double: Any, device: Any, *, broken: bool) -> None:
    """Closing a model destroys its context, unless no call of the device works any more; it then stays for good."""
    engine = double(FREE)
    model = load(engine)
    device.broken = broken
    if broken:
        with pytest.raises(ModelError, match="cudaSetDevice failed"):
            model.run({"x": floats(2, 3)})
        with pytest.raises(ModelError):
            model.close()
    else:
        model.close()
    del model
    gc.collect()

    (context,) = engine.contexts
    assert (context() is not None) is broken


def test_shapes_are_followed_without_a_call_that_may_end_the_process(
    double: Any, device: Any, fakes: Any, rtx: Any
) -> None:
    """TensorRT before 10.13 is not asked to infer shapes; the outputs' sizes are right all the same."""
    library = fakes.Library(rtx, double(FREE))
    library.__version__ = "10.3.0"
    model = TensorRtModel(library, Cuda(device), Plan(PATH, b"engine", {}, "NVIDIA Orin"))

    assert [model.run({"x": floats(batch, 3)})["y"].shape for batch in (4, 1, 3)] == [(4, 3), (1, 3), (3, 3)]
    assert "infer_shapes" not in device.calls
    model.close()
    assert device.live == {}


class _NoShape:
    """What TensorRT gives for an output whose shape cannot be followed."""

    rank = -1

    def __len__(self) -> int:
        return self.rank


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3"])
def test_a_shape_that_cannot_be_followed_is_told(double: Any, device: Any, fakes: Any, rtx: Any, version: str) -> None:
    """A number of dimensions below 0 is an error that names the file, and nothing stays allocated."""
    engine = double(FREE, sizes=lambda *_: {"y": _NoShape()})
    library = fakes.Library(rtx, engine)
    library.__version__ = version

    with pytest.raises(ModelError, match=r"double.plan: .* cannot be followed"):
        TensorRtModel(library, Cuda(device), Plan(PATH, b"engine", {}, "NVIDIA Orin"))
    assert device.live == {}
