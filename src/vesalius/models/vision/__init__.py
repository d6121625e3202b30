"""Image encoders: our compact families and any vision model of transformers."""
