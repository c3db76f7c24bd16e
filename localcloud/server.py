"""The embedded cloud's process, inside ministack's own environment: patches first, then ministack itself."""

import sys

from localcloud.patches import apply_all


def main() -> None:
    apply_all()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
