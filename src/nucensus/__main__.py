"""`python -m nucensus` is the command `nucensus`."""

from .cli import program

if __name__ == "__main__":
    program()
