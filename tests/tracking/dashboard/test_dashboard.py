"""Every name in every panel is logged by a run, and every logged group has a section; the command asks nobody and sends nothing unasked."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import wandb
import yaml

from bows import dashboard
from bows.analysis.catalog import GROUPS, METRICS, metric
from bows.tracking import STEP
from bows.tracking.dashboard import building
from bows.tracking.dashboard.logged import known, of_folder
from bows.tracking.dashboard.panels import left_out, sections

from ...support.commands import wandb_records
from .conftest import logged_names

pytest.importorskip("wandb_workspaces")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No key, no terminal to ask, and a network that fails the test."""
    import socket

    def refused(*args, **more):
        raise AssertionError("asked the network, or a person")

    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setattr("builtins.input", refused)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refused)
    connect = socket.socket.connect

    def only_local(each, address):
        return connect(each, address) if each.family == socket.AF_UNIX else refused()  # wandb's own process

    monkeypatch.setattr(socket.socket, "connect", only_local)
    wandb.teardown()  # settings and credentials are read once per process
    yield
    wandb.teardown()


@pytest.fixture
def command(capsys):
    """Runs the command: its exit code, and the lines it printed to each stream."""

    def run(*words: object) -> tuple[int, list[str], list[str]]:
        code = dashboard.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def of_panel(panel: dict) -> dict[str, set[str]]:
    """The names a panel refers to, read from what W&B would be sent: metrics, patterns, settings, tables and images."""
    config = panel["config"]
    metrics, settings, tables, images, patterns = (set() for _ in range(5))
    metrics |= set(config.get("metrics", ()))
    axes = [config.get("xAxis"), config.get("yAxis"), *(column["accessor"] for column in config.get("columns", ()))]
    for axis in filter(None, axes):
        kind, _, name = axis.rpartition(":")
        (settings if kind == "config" else metrics).add(name)
    if "groupBy" in config:
        settings.add(config["groupBy"])
    if "metricRegex" in config:
        patterns.add(config["metricRegex"])
    images |= set(config.get("mediaKeys", ()))
    if panel["viewType"] == "Weave":
        tables.add(config["panel2Config"]["exp"]["fromOp"]["inputs"]["key"]["val"])
    return {"metrics": metrics, "settings": settings, "tables": tables, "images": images, "patterns": patterns}


def panels_of(specification: dict) -> list[tuple[str, dict]]:
    """Section and panel, of a workspace or of a report."""
    spec = specification["spec"]
    if "section" in spec:
        found = spec["section"]["panelBankConfig"]["sections"]
        return [(section["name"], panel) for section in found for panel in section["panels"]]
    name, panels = "", []
    for block in spec["blocks"]:
        if block["type"] == "heading":
            name = block["children"][0]["text"]
        elif block["type"] == "panel-grid":
            panels += [(name, panel) for panel in block["metadata"]["panelBankSectionConfig"]["panels"]]
    return panels


def has_setting(config: dict, name: str) -> bool:
    """Whether a run's configuration has a setting as W&B names it: ``wd.value``, ``model.value.latent``."""
    first, value, *rest = name.split(".")
    node = config.get(first)
    for part in rest:
        node = node[part]
    return value == "value" and node is not None and not isinstance(node, dict)


def history(run_command, folder: Path) -> set[str]:
    """All that the run's offline W&B file holds as history; of a table or an image ``<key>._type`` and so on."""
    records = wandb_records(run_command, folder)
    return {name for record in records if record["type"] == "history" for name in record["history"]["item"]}


@pytest.mark.parametrize("source", ["the code", "the run of words", "the run of pairs"])
def test_every_name_in_every_panel_is_logged(source, command, run_of_words, run_of_pairs, tmp_path):
    run = run_of_pairs if source == "the run of pairs" else run_of_words
    code, _, _ = command("--output", tmp_path, *(() if source == "the code" else ("--run", run)))
    assert code == 0
    logged = logged_names(run)
    config = yaml.safe_load((run / ".hydra" / "config.yaml").read_text())
    images = {file.stem for file in (run / "figures").glob("*.png")}
    in_both = []
    for name in ("workspace", "report"):
        panels = panels_of(json.loads((tmp_path / f"{name}.json").read_text()))
        assert len(panels) > 20
        shown = set()
        for _, panel in panels:
            names = of_panel(panel)
            assert any(names.values()), panel
            assert names["metrics"] <= logged | {STEP}, panel
            assert all(any(re.search(pattern, each) for each in logged) for pattern in names["patterns"])
            assert all(has_setting(config, each) for each in names["settings"]), panel
            assert names["images"] <= {f"figures/{each}" for each in images}
            assert names["tables"] <= {"tables/words", "tables/regimes"}
            if panel["viewType"] == "Run History Line Plot":
                assert panel["config"]["xAxis"] == STEP
            shown |= {each for each in logged if each in names["metrics"]}
            shown |= {each for each in logged for pattern in names["patterns"] if re.search(pattern, each)}
        # What only some runs log has its panels where it is logged.
        assert {each for each in logged - shown if source != "the code" or not each.startswith("leak/")} == set()
        in_both.append([(section, panel["__id__"]) for section, panel in panels])
    assert in_both[0] == in_both[1]


def test_the_names_are_those_of_the_wandb_run(run_of_words, run_command):
    """Tables, images and the step as well, which metrics.csv does not contain."""
    items = history(run_command, run_of_words)
    patterns = {name for name in known().metrics if "<" in name}
    assert {metric(name).pattern for name in items} >= patterns
    for logged in (known(), of_folder(run_of_words)):
        assert logged.metrics - patterns <= items
        assert {STEP, *(f"{name}._type" for name in (*logged.tables, *logged.images))} <= items


def test_each_group_that_is_logged_has_a_section(run_of_words, run_of_pairs):
    for run in (run_of_words, run_of_pairs):
        groups = {GROUPS[name.partition("/")[0]].title for name in logged_names(run)}
        made = {section.name for section in sections(of_folder(run))}
        assert groups | {"Sweep", "Words", "Figures"} == made
    assert GROUPS["leak"].title in {section.name for section in sections(of_folder(run_of_words))}


def test_each_metric_is_in_one_panel_of_its_group(run_of_words):
    for logged in (known(), of_folder(run_of_words)):
        shown = [
            (section.name, name)
            for section in sections(logged)
            if section.name != "Sweep"
            for panel in section.panels
            if panel.kind in ("line", "bar")
            for name in (panel.names or [name for name in METRICS if re.search(panel.pattern, name)])
        ]
        assert sorted(shown) == sorted((GROUPS[metric(name).group].title, name) for name in logged.metrics)


def test_charts_against_the_step_show_what_is_logged_at_several_steps(run_of_words):
    logged = of_folder(run_of_words)
    assert {"train/loss", "reconstruction/r2", "capacity/effective_rank", "ring/months/order"} <= logged.over_training
    assert not {"interference/gap", "reconstruction/r2_linear", "speed/seconds"} & logged.over_training
    single = {name for name in known().metrics if "<" not in name}
    assert known().over_training & single == single & logged.over_training
    for section in sections(logged):
        for panel in section.panels:
            if panel.kind in ("line", "bar"):
                assert (panel.kind == "line") == (set(panel.names) <= logged.over_training)


def edited(run: Path) -> None:
    """Take the checksums of its files from a run whose files a test changes."""
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps(status | {"files": {}}))


def test_a_run_that_logged_less_has_fewer_panels_and_it_is_said(command, run_of_words, tmp_path):
    run = tmp_path / "less"
    shutil.copytree(run_of_words, run, ignore=shutil.ignore_patterns("wandb", "checkpoints", "regimes*"))
    edited(run)
    lines = (run / "metrics.csv").read_text().splitlines()
    header = lines[0].split(",")
    kept = [
        place for place, name in enumerate(header) if not name.startswith(("alignment/", "ring/")) and "gap" not in name
    ]
    rows = [",".join(line.split(",")[place] for place in kept) for line in lines]
    (run / "metrics.csv").write_text("\n".join(rows) + "\n3,1,0.")  # the last row is half written
    (run / "summary.json").unlink()
    code, out, _ = command("--run", run)
    assert code == 0
    (said,) = [line for line in out if line.startswith("left out")]
    assert said.partition(": ")[2].split(", ") == [
        GROUPS["alignment"].title,
        GROUPS["ring"].title,
        "interference/gap",
        "interference/gap_stratified",
        "interference/gap_independent",
        "interference/gap_pca",
        "tables/regimes",
        "figures/regimes",
    ]
    assert not any(re.match(r"  (Alignment|Ordered sets)\b", line) for line in out)
    assert not any("ring/" in panel.pattern for section in sections(of_folder(run)) for panel in section.panels)


def test_metrics_of_ones_own_have_a_section(run_of_words, tmp_path):
    run = tmp_path / "own"
    shutil.copytree(run_of_words, run, ignore=shutil.ignore_patterns("wandb", "checkpoints"))
    edited(run)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(
        json.dumps(summary | {"knots/count": 3, "packing/mine": 1, "ring/months/mine": 2})
    )
    found = {
        section.name: {name for panel in section.panels for name in panel.names} for section in sections(of_folder(run))
    }
    assert found["knots"] == {"knots/count"}
    assert "packing/mine" in found["Packing"]
    assert "ring/months/mine" in found["Ordered sets"]


def test_a_sweep_gives_its_settings(run_of_words, tmp_path, command):
    config = yaml.safe_load((run_of_words / ".hydra" / "config.yaml").read_text())
    turned = [("tied", "relu", 1, 0.1), ("linear", "identity", 1, 0.1), ("linear", "identity", 2, 1.0)]
    for number, (option, activation, seed, clip) in enumerate(turned):
        job = tmp_path / "sweep" / str(number)
        shutil.copytree(run_of_words, job, ignore=shutil.ignore_patterns("wandb", "checkpoints", "figures"))
        edited(job)
        config["seed"], config["model"]["output_activation"] = seed, activation
        config["optimizer"]["clip_norm"] = clip
        (job / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
        choices = {"hydra": {"runtime": {"choices": {"model": option, "optimizer": "adamw"}}}}
        (job / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(choices))
    logged = of_folder(tmp_path / "sweep")
    assert logged.settings == {"model.output_activation": False, "seed": True, "optimizer.clip_norm": True}
    (section,) = [each for each in sections(logged) if each.name == "Sweep"]
    assert {(panel.kind, panel.settings) for panel in section.panels} == {
        ("parallel", ("model.output_activation", "optimizer.clip_norm", "seed")),
        ("scatter", ("optimizer.clip_norm",)),
        ("spread", ("model.output_activation",)),
        ("spread", ("optimizer.clip_norm",)),
    }
    command("--run", tmp_path / "sweep", "--output", tmp_path)
    made = json.loads((tmp_path / "workspace.json").read_text())
    bars = [panel["config"] for name, panel in panels_of(made) if name == "Sweep" and panel["viewType"] == "Bar Chart"]
    assert {bar["groupBy"] for bar in bars} == {"model.value.output_activation", "optimizer.value.clip_norm"}
    assert {(bar["groupAgg"], bar["groupArea"]) for bar in bars} == {("mean", "stderr")}
    (runs,) = made["spec"]["section"]["runSets"]
    assert "config:optimizer.value.clip_norm" in runs["runFeed"]["columnPinned"]


def test_without_a_login_the_files_are_written_and_what_they_hold_is_said(command, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    code, out, err = command("--project", "another one")
    assert (code, err) == (0, [])
    files = [tmp_path / "outputs" / "reports" / "dashboard" / f"{name}.json" for name in ("workspace", "report")]
    assert [str(file) for file in files] == out[-3:-1]
    first = [json.loads(file.read_text()) for file in files]
    assert first[0]["project"] == first[1]["project"]["name"] == "another one"
    panels = panels_of(first[0])
    assert f"{len({section for section, _ in panels})} sections, {len(panels)} panels" in out[0]
    for section in {section for section, _ in panels}:
        (line,) = [line for line in out if re.match(rf"  {section} ", line)]
        assert int(line.split("panel")[0].split()[-1]) == [name for name, _ in panels].count(section)
    command("--project", "another one")
    assert [json.loads(file.read_text()) for file in files] == first


def test_the_project_is_that_of_the_runs(command, tmp_path):
    command("--output", tmp_path, "--entity", "some-team")
    made = json.loads((tmp_path / "workspace.json").read_text())
    assert (made["entity"], made["project"]) == ("some-team", "bows")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "{}/nowhere"], r"--run=.*nowhere: contains no run; give a run folder"),
        (["--run", "{}/none"], r"--run=.*none: contains no run; give"),
        (["--run", "{}/empty"], r"--run=.*empty: .* contain no metric; give a run that has begun"),
        (["--run", "{}/damaged"], r"damaged/metrics.csv: 2 rows cannot be read; repair it or move it away"),
        (["--run", "{}/binary"], r"binary/metrics.csv is damaged: .*; repair it or move it away"),
        (["--entity", "team/project"], r"--entity=team/project: .* give its name alone"),
        (["--entity", ""], r"--entity=: "),
        (["--project", "a/b"], r"--project=a/b: .* give its name alone"),
        (["--output", "{}/file"], r"file cannot be written .*--output <folder>"),
    ],
)
def test_bad_input_ends_in_one_line(command, tmp_path, words, said):
    (tmp_path / "none").mkdir()
    for name in ("empty", "damaged", "binary"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status.json").write_text('{"state": "running"}')
    (tmp_path / "damaged" / "metrics.csv").write_text("step,epoch,train/loss\n1,0,0.1\n2,0\n3,0,0.2,9\n")
    (tmp_path / "binary" / "metrics.csv").write_bytes(b"\xff\x00\xfe,\n\x80")
    (tmp_path / "file").write_text("")
    code, out, err = command(*(word.format(tmp_path) for word in words))
    assert code != 0
    assert out == []
    (line,) = err
    assert re.search(said, line)


def test_without_the_library_the_error_names_the_extra(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    code, out, err = command()
    assert (code, out) == (2, [])
    assert err == ['error: bows.dashboard needs wandb-workspaces; pip install "bows[dashboard]"']


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, r"--save needs a login at http://127.0.0.1:9: set WANDB_API_KEY or run `wandb login`; "),
        ({"WANDB_MODE": "offline", "WANDB_API_KEY": "0" * 40}, r"--save: WANDB_MODE=offline forbids it; unset it"),
        ({"WANDB_API_KEY": "0" * 40}, r"--save: http://127.0.0.1:9 cannot be reached; "),
    ],
)
def test_saving_where_it_cannot_be_ends_in_one_line_that_names_the_file(
    command, monkeypatch, tmp_path, environment, said
):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("bows.tracking.wandb_mode.reachable", lambda url: False)
    code, _, err = command("--save")
    assert code != 0
    (line,) = err
    assert re.search(said, line)
    assert str(tmp_path / "outputs" / "reports" / "dashboard" / "workspace.json") in line


class Server:
    """Answers as W&B would, and keeps what it was sent."""

    def __init__(self, entity: str | None = "me", projects: tuple[str, ...] = (), refuses: str = "") -> None:
        self.default_entity, self.names, self.refuses = entity, list(projects), refuses
        self.saved: list[dict] = []

    def projects(self, entity):
        from types import SimpleNamespace

        return [SimpleNamespace(name=name) for name in self.names]

    def create_project(self, name, entity):
        self.names.append(name)

    def execute(self, api, query, variables=None):
        if self.refuses:
            raise ValueError(self.refuses)
        if "upsertView" not in query:
            assert variables["projectName"] in self.names
            return {"project": {"internalId": "7"}}
        self.saved.append(variables)
        view = {"id": "view", "name": variables["name"], "displayName": variables["displayName"], "description": ""}
        view |= {"project": {"name": variables["projectName"], "entityName": variables["entityName"]}}
        return {"upsertView": {"view": view | {"spec": variables["spec"]}}}


@pytest.fixture
def server(monkeypatch):
    """Puts a server in the place of W&B."""

    def stand_in(**how) -> Server:
        made = Server(**how)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setattr("bows.tracking.wandb_mode.reachable", lambda url: True)
        monkeypatch.setattr(wandb, "Api", lambda *args, **more: made)
        for module in ("workspaces.internal", "reports.v2.interface"):
            monkeypatch.setattr(f"wandb_workspaces.{module}.execute_graphql", made.execute)
        for module in ("workspaces.interface", "reports.v2.interface"):
            monkeypatch.setattr(f"wandb_workspaces.{module}.get_app_url", lambda api: "https://wandb.example")
        return made

    return stand_in


def test_saving_makes_the_project_a_workspace_and_a_report(command, server):
    answered = server(entity="me")
    code, out, _ = command("--save", "--project", "mine")
    assert code == 0
    assert answered.names == ["mine"]
    assert [each["type"] for each in answered.saved] == ["project-view", "runs"]
    assert {(each["entityName"], each["projectName"]) for each in answered.saved} == {("me", "mine")}
    grids = [block for block in json.loads(answered.saved[1]["spec"])["blocks"] if block["type"] == "panel-grid"]
    assert {runs["project"]["name"] for grid in grids for runs in grid["metadata"]["runSets"]} == {"mine"}
    assert sum(line.startswith("https://wandb.example/me/mine") for line in out) == 2


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"entity": None}, r"--save: this login has no entity of its own; name one with --entity; "),
        ({"refuses": "permission denied:\nnot your project"}, r"W&B refused \(permission denied: not your project\)"),
    ],
)
def test_what_wandb_refuses_is_one_line(command, server, how, said):
    server(**how)
    code, _, err = command("--save")
    assert code != 0
    (line,) = [line for line in err if line.startswith("error")]
    assert re.search(said, line)
    assert "workspace.json" in line


def test_nothing_is_left_out_of_what_the_catalog_knows():
    assert left_out(known()) == []


def test_the_private_names_of_wandb_workspaces_are_there():
    """Fails where an upgrade renamed what bows/tracking/dashboard/building.py uses; no other file may use the library."""
    from wandb_workspaces import workspaces
    from wandb_workspaces.reports import v2

    for made in (v2.Runset(), v2.LinePlot(), v2.BarPlot(), v2.ScatterPlot(), v2.MediaBrowser()):
        assert isinstance(made._id, str)
    for made in (workspaces.Workspace(entity="", project="a", sections=[]), v2.Report(entity="", project="a")):
        assert callable(made._to_model)
    package = Path(dashboard.__file__).parent
    users = {file for file in package.rglob("*.py") if "wandb_workspaces" in file.read_text(encoding="utf-8")}
    assert users == {Path(building.__file__)}
