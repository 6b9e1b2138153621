"""python -m bows.analyze: look again at a finished run."""

from omegaconf import DictConfig

from bows.cli import hydra_app as command


def main(config: DictConfig) -> None:
    """Analyze a run with the composed settings."""
    # Imported here: --help and shell completion need not wait for torch and Lightning.
    from bows.evaluation.analyze import analyze_job

    command.imported()
    analyze_job(config)


def command_line() -> None:
    """python -m bows.analyze, and bows-analyze, which shells can complete."""
    command.run(main, "analyze")


if __name__ == "__main__":
    command_line()
