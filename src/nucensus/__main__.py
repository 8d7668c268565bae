"""`python -m nucensus` is the command `nucensus`."""

from .cli import main

if __name__ == "__main__":
    main()
