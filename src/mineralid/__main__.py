"""`python -m mineralid` is the command line."""

from mineralid.cli.main import main

if __name__ == "__main__":
    main()
