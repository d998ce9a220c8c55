"""``python -m hinas_lab``: the command line."""

from hinas_lab.cli.main import main

raise SystemExit(main())
