"""python -m bows.vectors: extract the word vectors of a language model into a file that bows.analyze matrix= reads."""

import json
import sys
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.cli.help import command_parser
from bows.errors import BowsError, SettingError, cannot_write


def main(arguments: list[str] | None = None) -> int:
    """Extract the vectors, write them, and print where they are."""
    parser = command_parser(
        "vectors",
        "Extract the embeddings of the whole words in a language model's vocabulary, without running the model.",
        {
            "<model folder>": "the input embeddings",
            "<owner>/<model> tensor=lm_head.weight": "the output embeddings of a model on the Hugging Face Hub",
            "<model folder> --to minilm.safetensors": "into a file of that name",
        },
    )
    parser.add_argument(
        "model", help="folder with model.safetensors or pytorch_model.bin, and tokenizer.json; or a Hub id"
    )
    parser.add_argument("tensor", nargs="?", help="tensor=<name>: the matrix (default: the input embeddings)")
    parser.add_argument("--to", type=Path, help="the file (default: <name of the model>.safetensors)", metavar="FILE")
    given = parser.parse_args(arguments)
    target = given.to or Path(f"{Path(given.model).resolve().name}.safetensors")
    try:
        if given.tensor is not None and not given.tensor.startswith("tensor="):
            raise SettingError(f"{given.tensor}: this is not of the form tensor=<name>")
        lines = _extract(given.model, given.tensor and given.tensor.removeprefix("tensor="), target)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        reason = cannot_write(error, str(target)) or error
        print(f"error: {reason}; free space or permissions, or choose another file with --to", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _extract(model: str, tensor: str | None, target: Path) -> list[str]:
    # Imported here: --help needs none of them.
    from safetensors.numpy import save

    from bows.files import write_whole
    from bows.vectors.extract import extract, model_folder

    name, found = extract(model_folder(model), tensor)
    facts = {"words": json.dumps(found.words, ensure_ascii=False), "tensor": name}
    write_whole(target, save({"embedding.weight": found.matrix}, facts))
    left = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items() if count)
    return [
        f"{len(found.words):,} words of {found.matrix.shape[1]} dimensions from {name}"
        + (f"; left out: {left}" if left else ""),
        str(target),
        f"next: python -m bows.analyze matrix={target}",
    ]


def command_line() -> None:
    """python -m bows.vectors, and bows-vectors, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
