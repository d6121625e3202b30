"""What is known beside the data: concepts, their relations and words, and how texts speak of them."""
