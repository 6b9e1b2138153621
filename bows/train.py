"""Train one autoencoder, or a sweep: python -m bows.train."""

from omegaconf import DictConfig

from bows.cli import hydra_app as command


def main(config: DictConfig) -> float:
    """Run one job and return the metric that a sweeper minimizes."""
    # Imported here: Lightning, torch and wandb take seconds, which --help and shell completion do not need.
    from bows.training.run import train_job

    command.imported()
    return train_job(config)


def command_line() -> None:
    """Run the command; bows-train calls it too, for shell completion."""
    command.run(main, "train")


if __name__ == "__main__":
    command_line()
