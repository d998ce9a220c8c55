"""The table of named protocols, from the values themselves (``make docs``).

python tools/protocol_table.py            writes docs/protocols.md
python tools/protocol_table.py --print    prints it
"""

import sys
from dataclasses import fields
from pathlib import Path

from hinas_lab.images.protocol import NAMED_PROTOCOLS, PROTOCOLS, Protocol

TARGET = Path(__file__).parents[1] / "docs" / "protocols.md"
INTRO = """# Protocols

How a restoration number is measured. Two rows belong in one table only when their protocols are \
equal. Written by `make docs` from
`hinas_lab/images/protocol.py`; change the values there. \
Any field can be changed on the command line:
`hinas-lab evaluate --method tv --protocol "whole + border=4"`; \
the changed name is printed with the number.
"""


def table(names: list[str]) -> str:
    """Markdown: a row per field, a column per protocol; where a value is not that of the first
    column, it is bold."""
    lines = [
        "| field | " + " | ".join(f"`{n}`" for n in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for field in fields(Protocol):
        values = [getattr(PROTOCOLS[n], field.name) for n in names]
        cells = [f"{v}" if v == values[0] else f"**{v}**" for v in values]
        lines.append(f"| {field.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def document() -> str:
    """The whole file."""
    parts = [INTRO]
    for task, title in (("denoise", "Denoising"), ("sr", "Super-resolution")):
        names = [n for n, p in PROTOCOLS.items() if p.task == task]
        parts += [
            f"## {title}\n",
            table(names) + "\n",
            "\n".join(f"- `{n}`: {NAMED_PROTOCOLS[n].why}. {PROTOCOLS[n].text}." for n in names)
            + "\n",
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    if "--print" in sys.argv:
        print(document(), end="")
    else:
        TARGET.write_text(document(), "utf-8")
        print(f"wrote {TARGET}")
