"""A run's folder (config, history, metrics, tables, checkpoints, figures), written file by file, atomically."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.config.instantiate import has_interpolation
from lgg_seg.config.legacy import upgraded, upgraded_overrides
from lgg_seg.config.validation import check_config, check_groups
from lgg_seg.errors import UserError, explained
from lgg_seg.files import replacing, writable
from lgg_seg.runs.contents import State, check_content, damaged

_YAML = get_yaml_loader()  # OmegaConf.load makes it anew for every file, which takes longer than to read a config
_SCANNER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first, in a twentieth of the time, needs libyaml
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins a formula, or hides its beginning


class AtomicFolder:
    """A folder in which every file appears whole or not at all; where one cannot, the UserError ends with `remedy`."""

    def __init__(self, path: Path, remedy: str) -> None:
        self.path = path.absolute()
        self.remedy = remedy

    @property
    def display_path(self) -> Path:
        """The path relative to the working directory where it lies below that."""
        return self.path.relative_to(Path.cwd()) if self.path.is_relative_to(Path.cwd()) else self.path

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path beside `name`, renamed to it when the block ends well."""
        target = self.path / name
        with writable(target, self.remedy), replacing(target) as partial:
            yield partial

    def remove_partial_files(self) -> None:
        """Remove what a killed process was writing; the caller has the folder's lock."""
        for path in self.path.rglob(".partial-*"):
            path.unlink()

    def write_text(self, name: str, text: str, newline: str | None = None) -> None:
        with self.writing(name) as path:
            path.write_text(text, encoding="utf-8", newline=newline)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write `content`; NaN and infinity are not JSON and are refused."""
        self.write_text(name, json.dumps(content, indent=2, allow_nan=False) + "\n")

    def write_table(self, name: str, rows: Sequence[Mapping[str, Any]] | pd.DataFrame) -> None:
        """Write `rows` as `to_csv` makes them; None leaves a cell empty."""
        table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame([_in_utf8(row) for row in rows])
        self.write_text(name, to_csv(table), newline="")


def _in_utf8(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts, such as names of files, can be written; bytes that are not UTF-8 are spelt out."""
    texts = {key: cell for key, cell in row.items() if isinstance(cell, str)}
    return {**row, **{key: text.encode(errors="backslashreplace").decode() for key, text in texts.items()}}


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would run as a formula (`=…`, `+…`, `-…`, `@…`) gets an apostrophe in
    front, since names of files and patients come from elsewhere (OWASP, "CSV injection")."""
    safe = table.copy()
    for name in safe.select_dtypes(["object", "string"]):
        safe[name] = safe[name].map(_without_formula)
    return str(safe.to_csv(index=False))


def _without_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and len(cell) > 1 else cell


class RunFolder(AtomicFolder):
    """Paths of one run, atomic writes and reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "free some space or choose another hydra.run.dir.")
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / "best.ckpt"  # chosen on validation patients
        self.last = self.checkpoints / "last.ckpt"  # to resume: of the last epoch, or the step of a signal

    def create(self) -> None:
        """Make the folder; one that already holds a run is refused."""
        if (self.path / "status.json").exists():
            raise UserError(
                f"{self.path} already holds a run, and nothing is overwritten; choose another hydra.run.dir, "
                f"or go on with it by resume={self.path}."
            )
        with writable(self.path, self.remedy):
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            (self.path / "figures").mkdir(exist_ok=True)

    def require_no_links_outside(self) -> None:
        """Refuse a link that leads out of the folder: a run from elsewhere would write to the files behind it.

        `checkpoints` may be one, to a larger disk, and W&B's logs are, to its cache.
        """
        here = self.path.resolve()
        for path in sorted(self.path.rglob("*")):
            known = path == self.checkpoints or path.match("wandb/*/logs/*.log")
            if path.is_symlink() and not known and not path.resolve().is_relative_to(here):
                raise UserError(f"{path} is a link out of the run's folder; put a copy in its place.")

    def write_config(self, config: DictConfig, overrides: Sequence[str]) -> None:
        """Write the resolved config and the command line's overrides."""
        with self.writing("config.yaml") as path:
            OmegaConf.save(config, path, resolve=True)
        with self.writing("overrides.yaml") as path:
            OmegaConf.save(OmegaConf.create(list(overrides)), path)

    def read_config(self) -> tuple[DictConfig, list[str]]:
        """The resolved config of this run and the command line's overrides, both under today's names."""
        config, overrides = self._read_yaml("config.yaml"), self._read_yaml("overrides.yaml")
        if has_interpolation(config):  # it could name what the reader's machine knows, or call a resolver
            raise damaged(self.path / "config.yaml", "has an interpolation (${…}), which a run never writes")
        return upgraded(config), upgraded_overrides(overrides)

    def read_checked_config(self, groups: Sequence[str] = ()) -> tuple[DictConfig, list[str]]:
        """`read_config` of a run that is built again from it, or from these groups of it alone."""
        config, overrides = self.read_config()
        try:
            if groups:
                check_groups(config, groups)
            else:
                check_config(config)
        except UserError as error:
            raise UserError(f"{self.path / 'config.yaml'}: {error}") from error
        return config, overrides

    def set_status(self, state: State, reason: str | None = None) -> None:
        """Write `status.json`; the first call also records the start."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        before = self.read_json("status.json", missing_ok=True)
        content = {"state": state, "reason": reason, "started": before.get("started", now), "updated": now}
        self.write_json("status.json", content)

    def read_json(self, name: str, *, missing_ok: bool = False) -> dict[str, Any]:
        """The content of a JSON file of this run; with `missing_ok`, that of a missing one is empty."""
        if missing_ok and not (self.path / name).exists():
            return {}
        with self._reading(name) as path:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_content(path, content)
        return content

    def _read_yaml(self, name: str) -> Any:
        with self._reading(name) as path:
            text = path.read_text(encoding="utf-8")
            has_alias = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, _SCANNER))
            content = None if has_alias else yaml.load(text, _YAML)
        if has_alias:  # ten lines of them make a config of a million keys, or one without an end
            raise damaged(path, "has an alias (*…), which a run never writes")
        check_content(path, content)
        return content

    @contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        path = self.path / name
        try:
            with explained():  # what may not be read is not damaged for that
                yield path
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing; is {self.path} a run's folder?") from error
        except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
            raise damaged(path, f"cannot be read ({' '.join(str(error).split())})") from error
