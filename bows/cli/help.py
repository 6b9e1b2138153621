"""`--help` of the commands with options, in the form of those with settings: what the command does, examples, arguments, options."""

import argparse
from collections.abc import Mapping


def command_parser(name: str, about: str, examples: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the parser of `python -m bows.<name>`.

    Args:
        name: The command.
        about: What it does, in a sentence or two.
        examples: Words after the command -> what they do.
    """
    command = f"python -m bows.{name}"
    commands = {f"{command} {words}".rstrip(): text for words, text in examples.items()}
    width = max(map(len, commands))
    lines = [f"  {words:<{width}}   {text}" for words, text in commands.items()]
    parser = argparse.ArgumentParser(
        prog=command,
        usage=argparse.SUPPRESS,
        description="\n".join([about, "", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser._positionals.title, parser._optionals.title = "ARGUMENTS", "OPTIONS"
    return parser
