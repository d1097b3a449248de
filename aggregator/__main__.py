"""`python -m aggregator`: the console script by another door."""

from aggregator.cli import main

if __name__ == "__main__":
    main()
