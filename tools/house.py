"""How the lines of the two packages read (``make house``). No verdict: numbers to watch from change
to change.

Tokens: all but comments and layout. Code lines: lines on which a token starts. Long: above 100
columns."""

import ast
import io
import json
import statistics
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAYOUT = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def measure(folder: Path) -> Counter:
    """Counts over all files below ``folder``."""
    counts = Counter()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text()
        counts["lines"] += len(source.splitlines())
        counts["long"] += sum(len(line) > 100 for line in source.splitlines())
        code = set()
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                counts["comments"] += 1
            elif token.type not in LAYOUT:
                counts["tokens"] += 1
                code.add(token.start[0])
        counts["code"] += len(code)
        for node in ast.walk(ast.parse(source)):
            counts["comprehensions"] += isinstance(node, COMPREHENSIONS)
            named = isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
            counts["lambdas"] += named
    return counts


def imports_of(notebook: Path) -> int:
    """Import lines of a notebook's code cells."""
    cells = json.loads(notebook.read_text())["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return sum(line.strip().startswith(("import ", "from ")) for line in source.splitlines())


def main():
    print(f"{'':<12}{'lines':>8}{'tokens':>9}{'a line':>8}{'long':>6}{'lambdas':>9}", end="")
    print(f"{'comprehensions/1000':>21}{'comments/100':>14}")
    rooms = {name: measure(ROOT / name) for name in ("hinas_lab", "hinas_book")}
    rooms["both"] = rooms["hinas_lab"] + rooms["hinas_book"]
    for name, n in rooms.items():
        print(
            f"{name:<12}{n['lines']:>8,}{n['tokens']:>9,}{n['tokens'] / n['code']:>8.1f}"
            f"{n['long']:>6}{n['lambdas']:>9}{1000 * n['comprehensions'] / n['lines']:>21.0f}"
            f"{100 * n['comments'] / n['lines']:>14.1f}"
        )
    imports = [imports_of(path) for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))]
    print(
        f"import lines of a notebook: {statistics.median(imports):g} in the median, "
        f"{max(imports)} at most"
    )


if __name__ == "__main__":
    main()
