"""Run commands of Python one after another or side by side, each in a fork of this process: imports are paid for once.

Started by commands.py with the number of a Unix socket and the names of modules to import. A request is a JSON object behind its length:
{"argv", "cwd", "env"} with the descriptors of stdin, stdout and stderr starts a command and is answered with {"pid"}; {"poll": pid} is
answered with {"code"}: the exit code, negative for a signal, or null while the command runs.

Each command is a process of its own, with nothing of the commands before it. It differs from a fresh `python -m` in three ways:
modules are imported already (so environment variables that they read on import are those of this process), it has one thread
for linear algebra, and its standard streams keep the encoding of this process.
"""

import atexit
import gc
import importlib
import json
import logging
import multiprocessing.util
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import traceback
import weakref

LENGTH = 8  # bytes before each message


def receive(connection: socket.socket) -> tuple[dict | None, list[int]]:
    """Return one message and the descriptors sent with it; None once the other side is closed."""
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH, 3)
    if not head:
        return None, []
    rest = int.from_bytes(head, "big")
    parts = []
    while rest:
        parts.append(connection.recv(rest))
        rest -= len(parts[-1])
    return json.loads(b"".join(parts)), descriptors


def send(connection: socket.socket, message: dict, descriptors: list[int] | None = None) -> None:
    content = json.dumps(message).encode()
    socket.send_fds(connection, [len(content).to_bytes(LENGTH, "big")], descriptors or [])
    connection.sendall(content)


def serve(connection: socket.socket, modules: list[str]) -> None:
    """Import the modules, then answer requests until the other side closes; commands still running then are killed."""
    for module in modules:
        importlib.import_module(module)
    for module in modules_below("bows"):
        importlib.import_module(module)
    # Finding plugins imports every one of them; no command registers any before it.
    importlib.import_module("hydra.core.plugins").Plugins.instance()
    gc.collect()
    gc.freeze()  # else a collection in a child copies every page
    send(connection, {"threads": threading.active_count()})
    running = set()
    while True:
        request, descriptors = receive(connection)
        if request is None:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            return
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            running.discard(pid)
            send(connection, {"code": os.waitstatus_to_exitcode(status) if pid else None})
            continue
        pid = os.fork()
        if pid == 0:
            connection.close()
            code = run(request, descriptors)
            if code < 0:
                signal.signal(-code, signal.SIG_DFL)
                os.kill(os.getpid(), -code)
            os._exit(code & 255)
        running.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        send(connection, {"pid": pid})


def modules_below(package: str) -> list[str]:
    """Return the modules of a package's subpackages. Those at its top are commands, which must be run and not imported."""
    top = importlib.import_module(package)
    packages = [each.name for each in pkgutil.iter_modules(top.__path__, f"{package}.") if each.ispkg]
    found = []
    for name in packages:
        found += [
            name,
            *(each.name for each in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}.")),
        ]
    return [name for name in found if not name.endswith("__main__")]


def run(request: dict, descriptors: list[int]) -> int:
    """Run a command as `python -m argv`, `python file.py` or `python -c code` would, and return its exit code."""
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    for place, name in ((1, "stdout"), (2, "stderr")):  # the server's remember what kind of file they were
        encoding = getattr(sys, name).encoding
        setattr(sys, name, open(place, "w", encoding=encoding, errors=getattr(sys, name).errors, closefd=False))  # noqa: SIM115
    # A shell's background jobs ignore Ctrl-C, and so does what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    forget_exit_handlers()
    module, *words = request["argv"]
    sys.path.insert(0, "" if module == "-c" else request["cwd"])
    code: int | str | None = 0
    try:
        if module == "-c":
            sys.argv = ["-c", *words[1:]]
            exec(compile(words[0], "<string>", "exec"), sys.modules["__main__"].__dict__)
        elif module.endswith(".py"):
            sys.argv = [module, *words]
            runpy.run_path(module, run_name="__main__")
        else:
            sys.argv = [module, *words]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:
        traceback.print_exc()
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    return finish(code or 0)


def forget_exit_handlers() -> None:
    """Leave the server's temporary folders to the server: libraries make some on import, and every command uses the same."""
    atexit._clear()
    for owned in list(weakref.finalize._registry):
        owned.atexit = False
    weakref.finalize._registered_with_atexit = False
    atexit.register(logging.shutdown)
    atexit.register(multiprocessing.util._exit_function)


def finish(code: int) -> int:
    """Do what the interpreter does on its way out: wait for threads, run exit handlers, flush; 120 if that fails, as Python says."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 120
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
