"""python -m bows.corpus: build a corpus, or open it, and print its facts."""

from omegaconf import DictConfig

from bows.cli import hydra_app as command


def main(config: DictConfig) -> None:
    # Imported here: --help and shell completion need not wait for torch and Lightning.
    from bows.config.resolve import instantiate_plain, plain
    from bows.config.validate import check
    from bows.console import quiet_libraries
    from bows.data.summary import print_facts

    settings = plain(config)
    check(settings, "corpus")
    quiet_libraries()
    print_facts(instantiate_plain(settings["data"]))


def command_line() -> None:
    """python -m bows.corpus, and bows-corpus, which shells can complete."""
    command.run(main, "corpus")


if __name__ == "__main__":
    command_line()
