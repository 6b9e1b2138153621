"""python -m bows.corpus: build or open a corpus, and print its facts."""

from omegaconf import DictConfig

from bows.cli import hydra_app
from bows.config.resolve import instantiate_plain, plain


def main(config: DictConfig) -> None:
    """Build or open the corpus of a composed configuration, and print its facts."""
    # Imported here: --help and shell completion need not wait for torch and Lightning.
    from bows.config.validate import check
    from bows.console import quiet_libraries
    from bows.data.summary import corpus_summary

    hydra_app.imported()
    settings = plain(config)
    check(settings, "corpus")
    quiet_libraries()
    print("\n".join(corpus_summary(instantiate_plain(settings["data"]))))


def command_line() -> None:
    """Run python -m bows.corpus, or bows-corpus, which shells can complete."""
    hydra_app.run(main, "corpus")


if __name__ == "__main__":
    command_line()
