"""A process that runs commands one after another, each in a fork of itself: what takes long to import is imported once.

It reads a line of JSON a command, {"words": [module, word, ...], "folder": where, "output": file for all that is printed}, and answers with
the exit code. Each fork is a process of its own with nothing of the commands before it.
"""

import json
import os
import runpy
import sys
import traceback


def serve() -> None:
    import datasets  # noqa: F401  bows imports it where it reads files

    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if process == 0:
            os._exit(run(asked["words"], asked["folder"], asked["output"]))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def run(words: list[str], folder: str, output: str) -> int:
    """A command as `python -m <words>` would run it, what it prints going to a file."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(folder)
    sys.argv = list(words)
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve()
