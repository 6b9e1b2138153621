"""RunFolder: the one reader of run folders, strict for commands (`find_run`) and lenient for reports and tables (`read_run`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bows.config.identity import in_current_form
from bows.config.resolve import trains_on_pairs
from bows.errors import DataError, SettingError
from bows.files import read_json
from bows.runs.readers import read_history, read_words_table, read_yaml, resolve
from bows.runs.status import read_status, whole

if TYPE_CHECKING:  # a command line is checked before these are needed
    import pyarrow as pa

    from bows.runs.weights import Weights

# The files without which a command cannot use a run.
NEEDED = ("status.json", ".hydra/config.yaml", ".hydra/overrides.yaml", "model.safetensors", "vocabulary.txt")


@dataclass(eq=False)
class RunFolder:
    """The content of a run folder.

    The fields come from the small files, which `read_run` reads at once; a file that is missing or damaged leaves its field empty and adds
    a line to `problems`. The properties read the larger files on first access and raise DataError where that fails.
    """

    folder: Path
    state: str = "missing"
    """completed, failed or running; missing where the run never started; damaged where status.json cannot be read."""
    overrides: list[str] = field(default_factory=list)
    """The command line."""
    stored_config: dict[str, Any] = field(default_factory=dict)
    """The configuration as stored, interpolations unresolved, `_target_` names of earlier versions replaced by the present ones."""
    choices: dict[str, Any] = field(default_factory=dict)
    """Config group -> option."""
    status: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, float] = field(default_factory=dict)
    """Metric -> its last value."""
    problems: list[str] = field(default_factory=list)
    """The error of a failed run, then the files that are missing or damaged."""

    @property
    def error(self) -> str:
        """`problems` in one line."""
        return "; ".join(self.problems)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration, resolved; empty where it cannot be read or resolved, which `problems` then states."""
        try:
            return resolve(self.stored_config)
        except DataError as error:
            self.problems.append(f".hydra/config.yaml cannot be resolved ({error})")
            return {}

    def group(self, name: str) -> dict[str, Any]:
        """Return the settings of a config group, such as `data`; empty where the run has none."""
        node = self.config.get(name)
        return node if isinstance(node, dict) else {}

    @property
    def model(self) -> str:
        """The option of the model, such as tied or linear."""
        if self.of_vectors:
            return "vectors"
        return str(self.choices.get("model") or str(self.group("model").get("_target_")).rpartition(".")[2].lower())

    @property
    def of_pairs(self) -> bool:
        """Whether the run trained a pair classifier, whose words are items."""
        return trains_on_pairs(self.group("model"))

    @property
    def of_vectors(self) -> bool:
        """Whether it has the measurements of a matrix of word vectors (bows.analyze matrix=), without an autoencoder."""
        return bool(self.stored_config.get("matrix"))

    @property
    def label(self) -> str:
        """A short name for tables: the model's option and the weight decay."""
        decay = self.group("optimizer").get("weight_decay")
        return self.model if decay is None or self.model == "pca" else f"{self.model} wd={decay:g}"

    @property
    def version(self) -> str:
        """The version of bows that trained the run, in brackets after a space; empty where it is not known."""
        versions = self.status.get("versions")
        return f" ({versions['bows']})" if isinstance(versions, dict) and versions.get("bows") else ""

    def file(self, name: str) -> Path:
        """Return the path of one of the files; raise DataError where it does not match its checksum in status.json."""
        return whole(self.folder, name, self.status)

    @cached_property
    def vocabulary(self) -> list[str]:
        """The V words in index order, from vocabulary.txt or, where that is missing, from words.parquet."""
        file = self.file("vocabulary.txt")
        try:
            return file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except FileNotFoundError:
            try:
                return [str(word) for word in self.words_table.column("word").to_pylist()]
            except DataError:
                raise DataError("vocabulary.txt is missing") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"vocabulary.txt cannot be read ({error})") from None

    def refuse_other_words(self, vocabulary: list[str], setting: str, remedy: str) -> None:
        """Raise SettingError unless a vocabulary has the words of the run in the same order."""
        if vocabulary == self.vocabulary:
            return
        shared = len(set(vocabulary) & set(self.vocabulary))
        order = " but in another order" if set(vocabulary) == set(self.vocabulary) else ""
        raise SettingError(
            f"{setting}: its vocabulary is not that of run={self.folder}: {shared:,} of the run's {len(self.vocabulary):,} words are "
            f"shared{order}; {remedy}"
        )

    @cached_property
    def words_table(self) -> "pa.Table":
        """words.parquet: one row per word, in index order."""
        return read_words_table(self.file("words.parquet"))

    @cached_property
    def weights(self) -> "Weights":
        """model.safetensors, checked against the length of `vocabulary`."""
        from bows.runs.weights import read_weights

        return read_weights(self.file("model.safetensors"), len(self.vocabulary))

    @property
    def history(self) -> "pa.Table":
        """metrics.csv: one row per step, a float64 column per metric, null where it was not logged."""
        return self._history[0]

    @property
    def incomplete_rows(self) -> int:
        """The rows of metrics.csv that are cut off and left out of `history`."""
        return self._history[1]

    @cached_property
    def _history(self) -> "tuple[pa.Table, int]":
        return read_history(self.file("metrics.csv"))

    @property
    def figures(self) -> list[Path]:
        """The pictures in figures/, by name."""
        return sorted(self.folder.glob("figures/*.png"))


def read_run(folder: Path | str, overrides: Sequence[str] = ()) -> RunFolder:
    """Read a run folder, possibly empty or damaged; `overrides`: its command line, where it does not contain it."""
    run = RunFolder(Path(folder), overrides=list(overrides))
    status, problem = _attempt(read_status, run.folder)
    if status is None:
        run.state = "missing" if problem.endswith("missing") else "damaged"
        run.problems.append("it never started: status.json is missing" if run.state == "missing" else problem)
    else:
        run.status, run.state = status, status["state"]
        run.problems += [str(status["error"])] if status.get("error") else []
    summary, problem = _attempt(lambda path: read_json(run.file(path.name)), run.folder / "summary.json")
    if summary is not None:
        run.summary = {name: float(value) for name, value in summary.items() if is_number(value)}
    elif run.state == "completed" or not problem.endswith("missing"):
        run.problems.append(problem)
    for name, kind in (("config.yaml", dict), ("hydra.yaml", dict), ("overrides.yaml", list)):
        file = f".hydra/{name}"
        content, problem = _attempt(lambda _, file=file, kind=kind: read_yaml(run.file(file), kind), run.folder / file)
        if content is None:
            run.problems += [f".hydra/{problem}"] if name == "config.yaml" or not problem.endswith("missing") else []
        elif name == "config.yaml":
            run.stored_config = in_current_form({str(key): value for key, value in content.items()})
        elif name == "hydra.yaml":
            run.choices = _choices(content)
        else:
            run.overrides = [str(word) for word in content]
    return run


def find_run(folder: str | Path, setting: str = "run") -> RunFolder:
    """Read the folder of a completed run of an autoencoder, for a command; `setting` names the folder in errors.

    Raises:
        SettingError: the folder is not that of a completed run, lacks a file, is damaged, of another version, or of a pair classifier.
    """
    given = f"{setting}={folder}"
    folder = Path(folder)
    if not folder.is_dir():
        raise SettingError(f"{given}: there is no such folder; give a run folder, one of outputs/runs/<date>/<run>")
    if not (folder / "status.json").is_file():
        raise SettingError(
            f"{given}: this is not a run folder (it has no status.json); give one of outputs/runs/<date>/<run>"
        )
    run = read_run(folder)
    if run.of_vectors:
        raise SettingError(
            f"{given}: this folder has the measurements of word vectors, not an autoencoder; compare it with runs by python -m bows.report"
        )
    remedy = "copy the run again with all its files, or train again"
    if run.state == "damaged":
        raise SettingError(f"{given}: {run.problems[0]}; {remedy}")
    if run.state != "completed":
        error = f": {run.status['error']}" if run.status.get("error") else ""
        raise SettingError(
            f"{given}: this run is not finished (status.json: {run.state}{error}); finish it with python -m bows.train resume={folder}"
        )
    for name in NEEDED:
        if not (folder / name).is_file():
            raise SettingError(f"{given}: the run folder lacks {name}; {remedy}")
    missing = [name for name in ("data", "model") if "_target_" not in run.group(name)]
    damaged = [
        each
        for each in run.problems
        if each.startswith((".hydra/config", ".hydra/overrides", "summary.json is damaged"))
    ]
    if damaged:
        raise SettingError(f"{given}: {damaged[0]}; {remedy}")
    if missing:
        raise SettingError(
            f"{given}: its .hydra/config.yaml has no {missing[0]}; it is of another version of bows{run.version}"
        )
    if run.of_pairs:
        raise SettingError(
            f"{given}: this run trained model={run.model}, which is not an autoencoder; its results are in {folder / 'report.html'}"
        )
    try:
        _ = run.vocabulary
    except DataError as error:
        raise SettingError(f"{given}: its {error}; {remedy}") from None
    return run


def _attempt(read: Callable[[Path], Any], path: Path) -> tuple[Any, str]:
    """Return what a reader returns, or None and its error, the file named without its folder."""
    try:
        return read(path), ""
    except DataError as error:
        return None, str(error).removeprefix(f"{path}/").removeprefix(f"{path.parent}/")


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that fits a column of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _choices(hydra: Any) -> dict[str, Any]:
    try:
        choices = hydra["hydra"]["runtime"]["choices"]
        return {group: option for group, option in choices.items() if not group.startswith("hydra/")}
    except (KeyError, TypeError, AttributeError):
        return {}
