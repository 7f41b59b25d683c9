"""``routeswarm`` or ``python -m harness``: ``run`` hands over to Locust with the default locustfile.

The rest needs no Locust.
"""

from __future__ import annotations

import sys
from pathlib import Path


def run(arguments: list[str]) -> None:
    """Hand over to Locust with the default locustfile; all of Locust's options apply."""
    import harness.swarm  # noqa: F401  # first: it sees to the world that Locust is imported in, and adds our options

    import locust.main  # isort: skip

    locustfile = Path(__file__).parent.parent / "locustfiles" / "route.py"  # beside the package, also when installed
    sys.argv = ["locust", "-f", str(locustfile), *arguments]
    locust.main.main()


def main() -> None:
    """Do what the command line asks for, and exit."""
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2:])
    else:
        from harness import cli

        sys.exit(cli.main())


if __name__ == "__main__":
    main()
