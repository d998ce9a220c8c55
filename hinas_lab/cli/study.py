"""``hinas-lab study NAME``: an experiment that can be repeated, a file per study."""

from importlib import import_module

STUDIES = ("search", "protocol", "bicubic", "precision", "published", "peers", "neighbours")


def add(commands):
    parser = commands.add_parser("study", help="experiments: " + ", ".join(STUDIES))
    studies = parser.add_subparsers(dest="name", required=True, metavar="NAME", parser_class=type(parser))
    for name in STUDIES:
        import_module(f"hinas_lab.cli.study_{name}").add(studies)
