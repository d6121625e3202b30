"""`python -m vesalius`, which is also how torchrun starts a training."""

from vesalius.cli.main import run

if __name__ == "__main__":
    run()
