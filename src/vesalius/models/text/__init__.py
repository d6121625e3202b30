"""Text encoders: our compact transformer, its tokenizer, and any text model of transformers."""
