"""``python -m sufficiency``: the command line."""

from sufficiency.cli import main

if __name__ == "__main__":
    main(prog_name="sufficiency")
