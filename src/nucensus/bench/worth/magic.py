"""`%worth_it function images` in a notebook."""

import ast
from typing import Any

from ...errors import InputError
from .comparison import Comparison
from .measure import compare


def register(shell: Any) -> None:
    """Add the line magic to IPython."""

    def worth_it(line: str) -> Comparison:
        """Time every way to run a function over many images.

        %worth_it FUNCTION IMAGES [limit=24] [workers=2] ...
        """
        return _compare(line, shell.user_ns)

    shell.register_magic_function(worth_it, "line", "worth_it")


def _compare(line: str, names: dict[str, Any]) -> Comparison:
    """Take the line as the arguments of a call, with blanks in the place of its first commas."""
    function, _, rest = line.strip().partition(" ")
    images, _, options = rest.strip().partition(" ")
    try:
        call = ast.parse(f"call({function}, {images}, {','.join(options.split())})", mode="eval")
        assert isinstance(call.body, ast.Call)
        first, second = (eval(ast.unparse(each), names) for each in call.body.args)
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"the line says {line!r}; expected a function and images, as in "
            f"%worth_it count paths limit=24; write it so, or call nucensus.compare"
        ) from error
    named = {str(each.arg): eval(ast.unparse(each.value), names) for each in call.body.keywords}
    return compare(second, first, **named)
