"""The names of the models, read from the zoo's source: a wrong one is refused without importing torch."""

import ast
import sys
from pathlib import Path

ZOO = "lessons_lib.models.zoo"


def require_model(name: str) -> None:
    """Raises ValueError for a name that no model has, naming those that exist.

    A zoo that has been imported is asked itself.
    """
    names = list(sys.modules[ZOO].MODELS) if ZOO in sys.modules else written_names()
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(names)}, got {name!r}")


def written_names() -> list[str]:
    """The keys of the table MODELS in zoo.py, in their order."""
    tree = ast.parse(Path(__file__).with_name("zoo.py").read_text("utf-8"))
    tables = [node for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "MODELS"]
    (table,) = (node.value for node in tables if isinstance(node.value, ast.Dict))
    return [ast.literal_eval(key) for key in table.keys if key is not None]
