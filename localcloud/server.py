"""The embedded cloud's process, inside ministack's own environment: patches first, then ministack itself."""

import sys

from localcloud.patches import restore_all


def main() -> None:
    restore_all()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
