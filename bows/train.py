"""python -m bows.train: train one autoencoder, or a sweep of them."""

from omegaconf import DictConfig

from bows.cli import hydra_app as command


def main(config: DictConfig) -> float:
    # Imported here: Lightning, torch and wandb take seconds that --help and shell completion need not wait for.
    from bows.training.job import train_job

    return train_job(config)


def command_line() -> None:
    """python -m bows.train, and bows-train, which shells can complete."""
    command.run(main, "train")


if __name__ == "__main__":
    command_line()
