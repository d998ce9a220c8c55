"""``hinas-lab study NAME``: an experiment that can be repeated, a file per study; the registered designs share one."""

from importlib import import_module

from hinas_lab.studies.designs import DESIGNS

STUDIES = ("protocol", "bicubic", "precision", "published", "peers", "neighbours")


def add(commands):
    parser = commands.add_parser("study", help="experiments: " + ", ".join((*STUDIES, *DESIGNS)))
    studies = parser.add_subparsers(dest="name", required=True, metavar="NAME", parser_class=type(parser))
    for name in (*STUDIES, "campaign"):
        import_module(f"hinas_lab.cli.study_{name}").add(studies)
