"""Compiles files to bytecode, run as a program of its own by the Python that the bundle is for.

Reads a JSON list of [source file, name in tracebacks, bytecode file] from standard input and writes a JSON list of
[source file, what is wrong with it] for those that are no Python. It needs the standard library alone.

A process that does nothing else gives the same bytecode every time: marshal writes an object differently once somebody
else holds it.
"""

import json
import py_compile
import sys


def main() -> None:
    wrong = []
    for file, name, target in json.load(sys.stdin):
        try:
            py_compile.compile(
                file, target, name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
        except py_compile.PyCompileError as error:
            cause = error.exc_value
            line = f"line {cause.lineno}: " if isinstance(cause, SyntaxError) and cause.lineno else ""
            wrong.append([file, f"{line}{getattr(cause, 'msg', cause)}"])
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main()
