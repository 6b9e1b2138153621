"""python -m bows.train: train one autoencoder, or a sweep of them."""

from omegaconf import DictConfig

from bows import command


def main(config: DictConfig) -> float:
    # Imported here: Lightning, torch and wandb take seconds that --help and shell completion need not wait for.
    from bows.training import train_job

    return train_job(config)


if __name__ == "__main__":
    command.run(main, "train")
