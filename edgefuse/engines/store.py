"""The models on this machine: finds, fetches, verifies, converts and loads them."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError, OperatorError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Clock, Model
from edgefuse.engines import convert, files
from edgefuse.engines.catalogue import (
    Alternative,
    Entry,
    FileOrigin,
    ModelOrigin,
    Origin,
    Pin,
    entry_of_file,
    load_catalogue,
)
from edgefuse.engines.counted import Counted
from edgefuse.engines.fetch import fetch, installed, shifted
from edgefuse.engines.select import CPU
from edgefuse.engines.serve import Choice, Engines, Plugins

State: TypeAlias = Literal["cached", "missing", "corrupt"]
Progress: TypeAlias = Callable[[str, int, int], None]
"""Model, bytes that have come, bytes in all; 0 of all again means: waiting for another process."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One line of `edgefuse models list`."""

    name: str
    what: str
    licence: str
    size: int
    """Bytes on disk."""
    state: State
    source: str
    """Where it came from, else where it would come from."""
    used_by: list[str]
    optional: bool
    path: str
    """Empty unless cached."""
    engine: str
    """What runs it here, or would: cpu, tensorrt ..., or the library that its format belongs to."""
    precision: str
    """Empty where its own library decides."""
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of `edgefuse models verify`."""

    name: str
    ok: bool
    detail: str


class Store:
    """Implements the port `Models`; any number of processes and threads may use one folder.

    Raises ModelError from its constructor when `catalogue.yaml` in the folder is wrong.
    """

    def __init__(
        self,
        config: ModelsConfig,
        clock: Clock,
        progress: Progress = lambda *_: None,
        plugins: Plugins | None = None,
    ) -> None:
        self.dir = models_dir(config)
        self._auto = config.pull == "auto"
        self._clock = clock
        self._progress = progress
        self._entries = load_catalogue(self.dir)
        self.engines = Engines(config, self.dir, clock, plugins or Plugins())
        self.served: dict[str, Choice] = {}
        """What was loaded, and on which engine."""
        self.on_loss: Callable[[], object] = lambda: None
        """Called, on the thread that loads or runs a model, when it is served by less because its engine failed."""

    def entry(self, name: str) -> Entry:
        """What the catalogue says; a path of an .onnx file needs none. Raises ModelError naming the known models."""
        if name not in self._entries and name.endswith(".onnx"):
            self._entries[name] = _own(Path(name))
        if name not in self._entries:
            raise ModelError(f"unknown model '{name}' (known: {', '.join(sorted(self._entries))})")
        return self._entries[name]

    def path(self, name: str) -> Path:
        """Verified file, or folder of a model of several files; pulled first where the configuration allows it."""
        entry = self.entry(name)
        found = self._located(entry)
        if found is None and entry.trained is not None:
            raise ModelError(_untrained(entry))
        if found is None and self._auto:
            self.pull([name], self._progress)
            found = self._located(entry)
        if found is None:
            raise ModelError(f"model '{name}' is not here: run `edgefuse models pull {name}`. {self._by_hand(entry)}")
        return found

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Model:
        """Load, run once, and count the CPU time of every later run on `health`.

        When the device fails while it runs, the CPU goes on with the same feed, and health and the log say so.
        `threads` overrides the card; only the calling thread's CPU is counted, so one thread is counted whole.
        """
        entry = self.entry(name)
        card = {**entry.card, **({} if threads is None else {"threads": threads})}

        def tell(model: Model, choice: Choice) -> None:
            self.served[name] = choice
            told = {**choice.to_json(), "runs_on": model.runs_on, "threads": card.get("threads", 1)}
            engines = health.info.get("engines")
            health.info["engines"] = {**(engines if isinstance(engines, dict) else {}), name: told}
            if choice.lost:
                self.on_loss()

        return Counted(self.engines.serve(entry, self.path(name), card, tell), health, self._clock)

    def card(self, name: str) -> Mapping[str, Any]:
        """What `edgefuse train` wrote of it. Raises ModelError for a model that was not trained here."""
        entry = self.entry(name)
        if "fusion" not in entry.card:
            trained = sorted(each.name for each in self._entries.values() if each.trained)
            raise ModelError(f"model '{name}' has no card.json: expected a trained one (known: {', '.join(trained)})")
        card: Mapping[str, Any] = entry.card["fusion"]
        return card

    def engine(self, name: str) -> tuple[str, str]:
        """Engine that the model is to have here, `cpu`, `tensorrt` ..., built or not, and why. Raises ModelError."""
        rung = self.engines.ladder(self.entry(name))[0]
        return ("cpu" if rung.backend == CPU else rung.backend), rung.why

    def choice(self, name: str) -> Choice | None:
        """The engine that a model would be loaded on now; None where it is not here or is no ONNX file."""
        entry = self.entry(name)
        path = self._located(entry)
        return self.engines.choose(entry, path) if path is not None and entry.card.get("format") == "onnx" else None

    def list(self) -> Sequence[ModelRow]:
        """Every model of the catalogue, sorted by name."""
        return [self._row(self._entries[name]) for name in sorted(self._entries)]

    def pull(self, names: Sequence[str], progress: Progress = lambda *_: None) -> Sequence[ModelRow]:
        """Fetch what is not here. Raises ModelError for the first that cannot be had, saying what to do."""
        entries = [self.entry(name) for name in names]
        for entry in entries:
            if self._located(entry) is None:
                self._pull_one(entry, progress)
        return [self._row(entry) for entry in entries]

    def verify(self, names: Sequence[str] = ()) -> Sequence[Verdict]:
        """Hash, load and run models; without names those that are here. A bad one is a verdict, not an error."""
        from edgefuse.engines.verify import trial

        chosen = [self.entry(name) for name in names] or [e for e in self._entries.values() if self._located(e)]
        verdicts = []
        for entry in sorted(chosen, key=lambda entry: entry.name):
            try:
                detail = trial(entry, self._rehashed(entry), self.engines.cpu)
                verdicts.append(Verdict(entry.name, ok=True, detail=detail))
            except OperatorError as error:
                verdicts.append(Verdict(entry.name, ok=False, detail=str(error)))
        return verdicts

    def _located(self, entry: Entry) -> Path | None:
        folder = self.dir / entry.name
        try:
            if files.intact(folder, entry.files):
                return entry.main_path(folder)
        except OSError as error:
            raise ModelError(f"model '{entry.name}': cannot read {folder}: {error}") from error
        return self._in_place(entry)

    def _in_place(self, entry: Entry) -> Path | None:
        """Where an installed package, or the folder of a trained model, holds the very files."""
        if entry.trained is not None:
            there = all(files.matches(entry.trained / name, pin) for name, pin in entry.files.items())
            return entry.main_path(entry.trained) if there else None
        for source in entry.sources:
            folder = installed(source.take[0], entry.files) if len(source.take) == 1 else None
            if folder is not None:
                inner = source.take[0].files[entry.main or next(iter(entry.files))]
                return folder / Path(inner).name if entry.main or len(entry.files) == 1 else folder
        return None

    def _rehashed(self, entry: Entry) -> Path:
        folder = self.dir / entry.name
        if files.intact(folder, entry.files, rehash=True):
            return entry.main_path(folder)
        wrong = [
            name
            for name, pin in entry.files.items()
            if (folder / name).exists() and not files.matches(folder / name, pin)
        ]
        if wrong:
            raise ModelError(_mismatch(folder / wrong[0], entry.files[wrong[0]]) + "; pull it again to repair it")
        found = self._in_place(entry)
        if found is None and entry.trained is not None:
            raise ModelError(_untrained(entry))
        if found is None:
            raise ModelError(f"not here: run `edgefuse models pull {entry.name}`")
        return found

    def _row(self, entry: Entry) -> ModelRow:
        folder = self.dir / entry.name
        found = self._located(entry)
        present = all(((entry.trained or folder) / name).exists() for name in entry.files)
        state: State = "cached" if found is not None else "corrupt" if present else "missing"
        source = files.source_of(folder) if found is not None else ""
        if entry.trained is not None:
            source = f"trained, {entry.trained}"
        engine, precision, why = self._engine(entry, found)
        return ModelRow(
            name=entry.name,
            what=entry.what,
            licence=entry.licence,
            size=entry.size,
            state=state,
            source=source or str(entry.sources[0]) + (" (installed)" if found is not None else ""),
            used_by=entry.used_by,
            optional=entry.optional,
            path=str(found or ""),
            engine=engine,
            precision=precision,
            why=why,
        )

    def _engine(self, entry: Entry, found: Path | None) -> tuple[str, str, str]:
        """Engine, precision and why; of a model that is not here, which has nothing built, what it is to have."""
        kind = str(entry.card.get("format", "none"))
        if kind != "onnx":
            return kind, "", "its format belongs to this library"
        if found is None:
            rungs = self.engines.ladder(entry)
            rung = next((rung for rung in rungs if rung.build), rungs[-1])
            return ("cpu" if rung.backend == CPU else rung.backend), rung.precision, rung.why
        choice = self.engines.choose(entry, found)
        return choice.name, choice.precision, choice.why

    def _pull_one(self, entry: Entry, progress: Progress) -> None:
        if entry.trained is not None:
            raise ModelError(_untrained(entry))
        total = entry.download or entry.size
        try:
            with files.locked(self.dir / ".locks" / entry.name, lambda: progress(entry.name, 0, total)):
                if self._located(entry) is None:
                    _enough_room(self.dir, total + entry.size)
                    self._obtain(entry, lambda done: progress(entry.name, min(done, total), total))
        except OSError as error:
            raise ModelError(_disk_trouble(entry, self.dir, error)) from error
        progress(entry.name, total, total)

    def _obtain(self, entry: Entry, report: Callable[[int], None]) -> None:
        staging = self.dir / ".staging" / entry.name
        final = self.dir / entry.name
        staging.mkdir(parents=True, exist_ok=True)
        failures = []
        for source in entry.sources:
            try:
                self._gather(entry, source, staging, report)
            except ModelError as error:
                failures.append(f"  {error}")
                continue
            for spare in [path for path in staging.iterdir() if path.name not in entry.files]:
                files.remove(spare)
            files.write_sidecar(staging, entry.files, str(source))
            if final.exists():
                files.quarantine(final, self.dir)
            files.publish(staging, final)
            return
        raise ModelError("\n".join([f"model '{entry.name}' cannot be had:", *failures, f"  {self._by_hand(entry)}"]))

    def _gather(self, entry: Entry, source: Alternative, staging: Path, report: Callable[[int], None]) -> None:
        """Complete `staging`; files of an earlier try that are what they must be are kept."""
        before = 0
        for origin in source.take:
            pins = {name: entry.pin(name) for name in origin.files}
            wanted = {name: pin for name, pin in pins.items() if not files.matches(staging / name, pin)}
            if wanted:
                fetch(self._placed(origin, report), wanted, staging / "fetched", shifted(report, before))
            for name, pin in wanted.items():
                self._admit(staging / "fetched" / name, pin, str(origin), staging / name)
            before += sum(pin.size for pin in pins.values())
        made = convert.run(source.convert, staging)
        for name, pin in entry.files.items():
            if not files.matches(staging / name, pin):
                raise ModelError(
                    _mismatch(staging / name, pin) + (f" after conversion ({source.convert})" if made else "")
                )

    def _placed(self, origin: Origin, report: Callable[[int], None]) -> Origin:
        """The origin itself; of another model the folder in which it lies, pulled first if need be."""
        if not isinstance(origin, ModelOrigin):
            return origin
        entry = self.entry(origin.model)
        if self._located(entry) is None:
            self._pull_one(entry, lambda _name, done, _total: report(done))
        found = self._located(entry)
        if found is None:
            raise ModelError(f"{origin}: vanished while it was read; pull again")
        return FileOrigin(file=found if found.is_dir() else found.parent, files=origin.files)

    def _admit(self, path: Path, pin: Pin, origin: str, target: Path) -> None:
        if not files.matches(path, pin):
            wrong = _mismatch(path, pin)
            raise ModelError(f"{origin}: {wrong}; kept at {files.quarantine(path, self.dir)}")
        path.replace(target)

    def _by_hand(self, entry: Entry) -> str:
        wanted = ", ".join(f"{name} (sha256 {pin.sha256})" for name, pin in entry.files.items())
        return (
            f"Without a network: copy {wanted} to {self.dir / entry.name}/, "
            f"or give the model a source of kind `file` in {self.dir / 'catalogue.yaml'}."
        )


def models_dir(config: ModelsConfig) -> Path:
    """Where models are kept: the configuration, else $EDGEFUSE_MODELS, else the user's cache. Raises ModelError."""
    chosen = config.dir or os.environ.get("EDGEFUSE_MODELS") or "~/.cache/edgefuse/models"
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise ModelError(f"there is no home directory to keep models in ({error}); set EDGEFUSE_MODELS") from error


def _own(path: Path) -> Entry:
    try:
        return entry_of_file(path, files.sha256_of(path))
    except OSError as error:
        raise ModelError(f"{path}: expected an .onnx file: {error}") from error


def _untrained(entry: Entry) -> str:
    """Why a trained model is not here: a card is always passed on, its weights are not."""
    wrong = [_mismatch(entry.trained / name, pin) for name, pin in entry.files.items() if entry.trained is not None]
    if "fusion" not in entry.card:
        return f"model '{entry.name}': {'; '.join(wrong)}; it was changed while in use"
    again = f"`edgefuse train {entry.card['fusion'].get('recipe', {}).get('name') or entry.name} --data DIR` makes it"
    return f"model '{entry.name}' in {entry.trained}: {'; '.join(wrong)}; {again}"


def _mismatch(path: Path, pin: Pin) -> str:
    if not path.exists():
        return f"{path.name}: expected sha256 {pin.sha256}, got no file"
    got = f"{files.sha256_of(path)} ({path.stat().st_size} bytes)"
    return f"{path.name}: expected sha256 {pin.sha256} ({pin.size} bytes), got {got}"


def _enough_room(folder: Path, needed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _disk_trouble(entry: Entry, folder: Path, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        needed = ((entry.download or entry.size) + entry.size) // 1_000_000 + 1
        free = shutil.disk_usage(folder).free // 1_000_000
        return (
            f"model '{entry.name}': no space in {folder}: needs {needed} MB while it is pulled, {free} MB are free; "
            "free some, or set models.dir or EDGEFUSE_MODELS to another disk"
        )
    return (
        f"model '{entry.name}': cannot write to {folder}: {error}; set models.dir or EDGEFUSE_MODELS to another folder"
    )
